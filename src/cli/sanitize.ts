/** C0 and C1 controls but tab, which a terminal would obey (cursor, title, clipboard), and bidirectional overrides. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Text of foreign origin (names, titles, messages) as one harmless line: controls become U+FFFD. */
export function sanitize(text: string): string {
  return text.replace(UNSAFE, "\ufffd");
}

/** Complete escape sequences: CSI, OSC (ended by BEL or ST), and the two-character ones. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;

/** A log line for a file or a pipe: escape sequences vanish, other controls become U+FFFD. */
export function plainText(text: string): string {
  return sanitize(text.replace(SEQUENCE, ""));
}

/** The colour sequences (SGR). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const COLOUR = /^\u001b\[[0-9;:]*m$/;

/** A log line for a terminal: colours stay, sequences that move the cursor or talk to the terminal vanish. */
export function terminalText(text: string): string {
  let safe = "";
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    safe += sanitize(text.slice(from, match.index)) + (COLOUR.test(match[0]) ? match[0] : "");
    from = match.index + match[0].length;
  }
  return safe + sanitize(text.slice(from));
}
