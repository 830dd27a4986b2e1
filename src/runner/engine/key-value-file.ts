/** What a file of names and values holds, or why it cannot be read. */
export type KeyValueFile =
  | { readonly ok: true; readonly entries: readonly (readonly [name: string, value: string])[] }
  | { readonly ok: false; readonly message: string };

/**
 * Reads the form of GITHUB_ENV, GITHUB_OUTPUT and GITHUB_STATE: `NAME=VALUE`, or `NAME<<DELIMITER`, lines, `DELIMITER`.
 * Which of the two it is, is decided by what comes first in the line. Blank lines are skipped, CRLF is accepted.
 */
export function parseKeyValueFile(text: string): KeyValueFile {
  const lines = splitLines(text);
  const entries: [string, string][] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      if (equals === 0) return { ok: false, message: `Invalid format '${line}': the name must not be empty.` };
      entries.push([line.slice(0, equals), line.slice(equals + 1)]);
    } else if (heredoc >= 0) {
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      if (name === "" || delimiter === "") {
        return { ok: false, message: `Invalid format '${line}': the name and the delimiter must not be empty.` };
      }
      const end = lines.indexOf(delimiter, at + 1);
      if (end < 0)
        return { ok: false, message: `Invalid value of '${name}': the delimiter '${delimiter}' does not follow.` };
      entries.push([name, lines.slice(at + 1, end).join("\n")]);
      at = end;
    } else {
      return { ok: false, message: `Invalid format '${line}': neither NAME=VALUE nor NAME<<DELIMITER.` };
    }
  }
  return { ok: true, entries };
}

/** The directories of a GITHUB_PATH file, in the order of the file. */
export function parsePathFile(text: string): string[] {
  return splitLines(text).filter((line) => line !== "");
}

/** Text of a command file; PowerShell 5 writes UTF-16 or a byte order mark. */
export function decodeCommandFile(bytes: Buffer): string {
  if (bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString("utf16le");
  if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    return bytes.subarray(3).toString("utf8");
  return bytes.toString("utf8");
}

function splitLines(text: string): string[] {
  return text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}
