/** Commands that a step may print; anything else is ordinary text. */
const KNOWN_COMMANDS: ReadonlySet<string> = new Set([
  "add-mask",
  "add-matcher",
  "add-path",
  "debug",
  "echo",
  "endgroup",
  "error",
  "group",
  "notice",
  "remove-matcher",
  "save-state",
  "set-env",
  "set-output",
  "stop-commands",
  "warning",
]);

/** A command as it was printed; the names of properties are in lower case. */
export interface WorkflowCommand {
  readonly name: string;
  readonly properties: ReadonlyMap<string, string>;
  readonly data: string;
}

/** Whether this is the name of a command, in any case. */
export function isCommandName(name: string): boolean {
  return KNOWN_COMMANDS.has(name.toLowerCase());
}

/**
 * Reads `::name key=value,key=value::data` (blanks may stand before it) and the older `##[name key=value;…]data`, which
 * may stand anywhere in the line. Undefined when the line holds no known command.
 */
export function parseWorkflowCommand(line: string): WorkflowCommand | undefined {
  return line.includes("::") || line.includes("##[") ? (parseCurrent(line) ?? parseLegacy(line)) : undefined;
}

/** The token of a line `::token::`, which resumes commands after `stop-commands`. */
export function parseResume(line: string): string | undefined {
  return /^\s*::([^:\s]+)::\s*$/.exec(line)?.[1];
}

function parseCurrent(line: string): WorkflowCommand | undefined {
  const text = line.trimStart();
  if (!text.startsWith("::")) return undefined;
  const end = text.indexOf("::", 2);
  if (end < 0) return undefined;
  return build(text.slice(2, end), ",", text.slice(end + 2), false);
}

function parseLegacy(line: string): WorkflowCommand | undefined {
  const start = line.indexOf("##[");
  if (start < 0) return undefined;
  const end = line.indexOf("]", start);
  if (end < 0) return undefined;
  return build(line.slice(start + 3, end), ";", line.slice(end + 1), true);
}

function build(head: string, separator: string, data: string, legacy: boolean): WorkflowCommand | undefined {
  const blank = head.indexOf(" ");
  const name = (blank < 0 ? head : head.slice(0, blank)).toLowerCase();
  if (!KNOWN_COMMANDS.has(name)) return undefined;
  const properties = new Map<string, string>();
  if (blank >= 0) {
    for (const part of head
      .slice(blank + 1)
      .trim()
      .split(separator)) {
      const equals = part.indexOf("=");
      if (equals <= 0) continue;
      properties.set(
        part.slice(0, equals).trim().toLowerCase(),
        unescapeText(part.slice(equals + 1), legacy ? LEGACY : PROPERTY),
      );
    }
  }
  return { name, properties, data: unescapeText(data, legacy ? LEGACY : DATA) };
}

const DATA: Readonly<Record<string, string>> = { "%0D": "\r", "%0A": "\n", "%25": "%" };
const PROPERTY: Readonly<Record<string, string>> = { ...DATA, "%3A": ":", "%2C": "," };
const LEGACY: Readonly<Record<string, string>> = { ...DATA, "%3B": ";", "%5D": "]" };

/** One pass, so that `%250A` stays the literal `%0A`. */
function unescapeText(text: string, table: Readonly<Record<string, string>>): string {
  return text.includes("%") ? text.replaceAll(/%[0-9A-Fa-f]{2}/g, (code) => table[code.toUpperCase()] ?? code) : text;
}
