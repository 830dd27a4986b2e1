import { StringDecoder } from "node:string_decoder";

/** Longest piece that is handed on as one line, in UTF-16 units. */
const LONGEST_LINE = 1024 * 1024;

/**
 * Cuts a stream of bytes into lines without their ends (`\n` or `\r\n`).
 * Bytes that are not UTF-8 become U+FFFD; a character cut by a chunk's border is put together again;
 * a line longer than 1 Mi characters comes in pieces of that length, so that memory stays bounded.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  /** Pieces of the unfinished line; joined once, so that a long line costs linear time. */
  #pieces: string[] = [];
  #length = 0;

  /** The lines that `chunk` completes, in order. */
  push(chunk: Buffer): string[] {
    return this.#split(this.#decoder.write(chunk));
  }

  /** What is left when the stream has ended: the last line without a line end, in its pieces; usually nothing. */
  end(): string[] {
    const lines = this.#split(this.#decoder.end());
    if (this.#length > 0) lines.push(withoutReturn(this.#take("")));
    return lines;
  }

  #split(text: string): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", from)) {
      this.#add(text.slice(from, at), lines);
      lines.push(withoutReturn(this.#take("")));
      from = at + 1;
    }
    if (from < text.length) this.#add(from === 0 ? text : text.slice(from), lines);
    return lines;
  }

  /** Appends to the unfinished line; what exceeds the longest line is handed on at once. */
  #add(text: string, lines: string[]): void {
    let rest = text;
    while (this.#length + rest.length > LONGEST_LINE) {
      const cut = cutAt(rest, LONGEST_LINE - this.#length);
      lines.push(this.#take(rest.slice(0, cut)));
      rest = rest.slice(cut);
    }
    if (rest === "") return;
    this.#pieces.push(rest);
    this.#length += rest.length;
  }

  #take(last: string): string {
    const line = this.#pieces.length === 0 ? last : this.#pieces.join("") + last;
    this.#pieces = [];
    this.#length = 0;
    return line;
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** `wanted`, or one less where it would cut a surrogate pair apart. */
function cutAt(text: string, wanted: number): number {
  const before = text.charCodeAt(wanted - 1);
  return before >= 0xd800 && before <= 0xdbff ? wanted - 1 : wanted;
}
