import { secretForms } from "./secret-forms.ts";

/** What stands in place of a secret. */
const MASK = "***";
/** More texts than this are not taken: the search stays fast and a job cannot fill the memory with `add-mask`. */
const MAX_FORMS = 50_000;
const HASH_BITS = 15;

/**
 * Replaces secrets in lines. Overlapping and touching hits become one `***`.
 *
 * The search is Wu and Manber's: a window as long as the shortest text is moved over the line, by a distance that two
 * characters at its end allow. So a line is mostly skipped, however many secrets there are.
 */
export class Masker {
  readonly #forms = new Set<string>();
  #index: Index | undefined;

  /** Takes a secret and all its encodings; texts of one character and empty ones are not masked. */
  add(secret: string): void {
    if (this.#forms.has(secret)) return;
    for (const form of secretForms(secret)) {
      if (this.#forms.size >= MAX_FORMS) return;
      this.#forms.add(form);
    }
    this.#index = undefined;
  }

  /** The text with every secret replaced; the text itself when there is none. */
  mask(text: string): string {
    if (this.#forms.size === 0) return text;
    this.#index ??= buildIndex(this.#forms);
    const first = nextHit(this.#index, text, 0);
    return first === undefined ? text : replaceHits(this.#index, text, first);
  }

  /** Whether a secret stands in the text; lines are searched one by one, as they are masked. */
  contains(text: string): boolean {
    return (
      this.mask(text) !== text ||
      (/[\r\n]/.test(text) && text.split(/[\r\n]+/).some((line) => this.mask(line) !== line))
    );
  }
}

interface Index {
  /** Length of the shortest text. */
  readonly window: number;
  /** How far the window may move when its last two characters hash to this. */
  readonly shift: Uint8Array;
  /** Texts whose first `window` characters end with two characters of this hash; the longest first. */
  readonly buckets: ReadonlyMap<number, readonly string[]>;
}

interface Hit {
  readonly start: number;
  readonly end: number;
}

function hash(text: string, end: number): number {
  return ((text.charCodeAt(end - 1) << 7) ^ text.charCodeAt(end)) & ((1 << HASH_BITS) - 1);
}

function buildIndex(forms: ReadonlySet<string>): Index {
  let window = 255;
  for (const form of forms) window = Math.min(window, form.length);
  const shift = new Uint8Array(1 << HASH_BITS).fill(window - 1);
  const buckets = new Map<number, string[]>();
  for (const form of forms) {
    for (let end = 1; end < window; end += 1) {
      const key = hash(form, end);
      shift[key] = Math.min(shift[key] ?? 0, window - 1 - end);
    }
    const key = hash(form, window - 1);
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [form]);
    else bucket.push(form);
  }
  for (const bucket of buckets.values()) bucket.sort((a, b) => b.length - a.length);
  return { window, shift, buckets };
}

/** The first hit that starts at or after `from`; of those that start together, the longest. */
function nextHit(index: Index, text: string, from: number): Hit | undefined {
  const { window, shift, buckets } = index;
  let end = from + window - 1;
  while (end < text.length) {
    const key = hash(text, end);
    const distance = shift[key] as number;
    if (distance > 0) {
      end += distance;
      continue;
    }
    const start = end - window + 1;
    const form = buckets.get(key)?.find((candidate) => text.startsWith(candidate, start));
    if (form !== undefined) return { start, end: start + form.length };
    end += 1;
  }
  return undefined;
}

function replaceHits(index: Index, text: string, first: Hit): string {
  let masked = text.slice(0, first.start) + MASK;
  let covered = first.end;
  let from = first.start + 1;
  for (;;) {
    const hit = nextHit(index, text, from);
    if (hit === undefined) return masked + text.slice(covered);
    if (hit.start > covered) masked += text.slice(covered, hit.start) + MASK;
    covered = Math.max(covered, hit.end);
    from = hit.start + 1;
  }
}
