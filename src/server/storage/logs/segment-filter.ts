import type { LogQuery } from "../log-store.ts";

/*
 * A segment's filter says of most texts that they are not in it, so that a search need not unpack it. It is a bitmap
 * with one bit, chosen by a hash, for each four bytes that follow each other in the text, letters of ASCII made small.
 * It is written into segments: a change of any of these rules needs another format.
 */

const GRAM_BYTES = 4;
/** A filter has about a 64th of the bytes of its text: 8 KiB beside some 80 KiB of packed text. */
const SHARE = 64;
/** What is smaller is soon unpacked. */
const SMALLEST_TEXT = 64 * 1024;
/** 2^32 divided by the golden ratio: it spreads what is alike over all bits. */
const SPREAD = 0x9e37_79b1;

const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte));

/** The filter of a text: 2^n bytes, or none where it is not worth it. */
export function makeFilter(text: Uint8Array): Uint8Array {
  if (text.length < SMALLEST_TEXT) return new Uint8Array(0);
  const filter = new Uint8Array(2 ** Math.round(Math.log2(text.length / SHARE)));
  const shift = shiftOf(filter);
  // A byte for each bit first, because that is twice as fast.
  const seen = new Uint8Array(filter.length * 8);
  let gram = 0;
  for (let at = 0; at < text.length; at++) {
    gram = (gram << 8) | (FOLDED[text[at] as number] as number);
    seen[Math.imul(gram, SPREAD) >>> shift] = 1;
  }
  for (let bit = 0; bit < seen.length; bit++) (filter[bit >>> 3] as number) |= (seen[bit] as number) << (bit & 7);
  return filter;
}

/** What `mayHold` looks for: any text that the query finds has these in it. None where the query is too short. */
export function gramsOf({ text, ignoreCase }: LogQuery): readonly number[] {
  const bytes = Buffer.from(text);
  const grams: number[] = [];
  for (let at = 0; at + GRAM_BYTES <= bytes.length; at++) {
    const four = bytes.subarray(at, at + GRAM_BYTES);
    // Beyond ASCII the two cases of a letter differ in their bytes.
    if (ignoreCase && four.some((byte) => byte >= 0x80)) continue;
    grams.push(four.reduce((gram, byte) => (gram << 8) | (FOLDED[byte] as number), 0));
  }
  return grams;
}

/** Whether a text with these may be in a segment with this filter: always true when it is, seldom when it is not. */
export function mayHold(filter: Uint8Array, grams: readonly number[]): boolean {
  if (filter.length === 0) return true;
  const shift = shiftOf(filter);
  return grams.every((gram) => {
    const bit = Math.imul(gram, SPREAD) >>> shift;
    return ((filter[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
  });
}

/** Makes the number of a bit from 32 bits. */
function shiftOf(filter: Uint8Array): number {
  return 32 - Math.log2(filter.length * 8);
}
