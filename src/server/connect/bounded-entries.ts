import type { DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { AppError } from "../../lib/errors.ts";

/**
 * The part of a message that holds at most so many messages, found before it is decoded: two bytes are an empty row,
 * which decoded takes some 80. A list that is too long is cut where it is; what follows it on the wire is left out
 * too, so that log rows that are cut off do not count as sent (`no_more` comes after them), and the runner sends them
 * again.
 * @throws AppError exhausted when there are too many elsewhere; Error when it is no message of this type
 */
export function boundedEntries(type: DescMessage, bytes: Uint8Array, most: number): Uint8Array {
  const reader = new BinaryReader(bytes);
  let left = most;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    const inner = messageOf(type, number, wireType);
    if (inner === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    left -= 1 + countEntries(inner.message, reader.bytes(), left);
    if (left >= 0) continue;
    if (inner.isList && start > 0) return bytes.subarray(0, start);
    throw new AppError("exhausted", `the ${type.name} has more than ${most} entries; send less`);
  }
  return bytes;
}

/** Messages within a message; stops counting soon after `most`. */
function countEntries(type: DescMessage, bytes: Uint8Array, most: number): number {
  const reader = new BinaryReader(bytes);
  let count = 0;
  while (reader.pos < reader.len && count <= most) {
    const [number, wireType] = reader.tag();
    const inner = messageOf(type, number, wireType);
    if (inner === undefined) reader.skip(wireType, number);
    else count += 1 + countEntries(inner.message, reader.bytes(), most - count);
  }
  return count;
}

/** The type of a field that holds messages; undefined for all other fields. */
function messageOf(
  type: DescMessage,
  number: number,
  wireType: WireType,
): { readonly message: DescMessage; readonly isList: boolean } | undefined {
  if (wireType !== WireType.LengthDelimited) return undefined;
  const field = type.fields.find((candidate) => candidate.number === number);
  if (field?.fieldKind === "message") return { message: field.message, isList: false };
  return field?.fieldKind === "list" && field.listKind === "message"
    ? { message: field.message, isList: true }
    : undefined;
}
