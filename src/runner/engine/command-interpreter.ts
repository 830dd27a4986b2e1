import type { Annotation, AnnotationLevel } from "./job-event.ts";
import { isCommandName, parseResume, parseWorkflowCommand, type WorkflowCommand } from "./workflow-command.ts";

/** What a printed line does. `line` is a row for the log. */
export type CommandEffect =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "mask"; readonly value: string }
  | { readonly kind: "output" | "state" | "env"; readonly name: string; readonly value: string }
  | { readonly kind: "path"; readonly directory: string }
  | { readonly kind: "annotation"; readonly annotation: Annotation }
  | { readonly kind: "add-matcher"; readonly file: string }
  | { readonly kind: "remove-matcher"; readonly owner: string; readonly file: string }
  /** The command was wrong or is refused: the step fails. */
  | { readonly kind: "fail"; readonly message: string };

/** How commands are read for one step. */
export interface CommandOptions {
  /** Shows `::debug::`. */
  readonly debug: boolean;
  /** Obeys `set-env` and `add-path`, which GitHub refuses since 2020. Asked each time: a step may set it. */
  readonly allowUnsecure: () => boolean;
  /** Turns an absolute path into one relative to the workspace, where it lies below it. */
  readonly relativePath: (file: string) => string;
}

/** GitHub keeps so many annotations of a level per step. */
const MAX_ANNOTATIONS = 10;
const MAX_MESSAGE_LENGTH = 4096;
/** `stop-commands` tokens of this length and more are masked: they are random, and whoever knows one may resume commands. */
const MASKED_TOKEN_LENGTH = 6;
const UNSECURE =
  "is disabled, because any program's output could use it. Write to the file in $GITHUB_ENV or $GITHUB_PATH instead, or set ACTIONS_ALLOW_UNSECURE_COMMANDS to true.";

/** Reads the lines of one step: ordinary text, or commands that change something. Its state ends with the step. */
export class CommandInterpreter {
  readonly #options: CommandOptions;
  readonly #annotations: Record<AnnotationLevel, number> = { error: 0, warning: 0, notice: 0 };
  #stopToken: string | undefined;
  #echo: boolean;

  constructor(options: CommandOptions) {
    this.#options = options;
    this.#echo = options.debug;
  }

  /** What the line does, in order; undefined when it is ordinary text. */
  interpret(line: string): readonly CommandEffect[] | undefined {
    if (this.#stopToken !== undefined) {
      if (parseResume(line) === this.#stopToken) this.#stopToken = undefined;
      return undefined;
    }
    const command = parseWorkflowCommand(line);
    if (command === undefined) return undefined;
    const effects = this.#apply(command);
    const silent = !this.#echo || command.name === "add-mask" || effects.some((effect) => effect.kind === "line");
    return silent ? effects : [{ kind: "line", text: line }, ...effects];
  }

  #apply(command: WorkflowCommand): readonly CommandEffect[] {
    const { name, data } = command;
    switch (name) {
      case "set-output":
      case "save-state":
        return named(command, name === "set-output" ? "output" : "state");
      case "set-env":
        return this.#options.allowUnsecure() ? named(command, "env") : [failure(`The command 'set-env' ${UNSECURE}`)];
      case "add-path":
        if (!this.#options.allowUnsecure()) return [failure(`The command 'add-path' ${UNSECURE}`)];
        return data === ""
          ? [failure("The command 'add-path' needs a directory.")]
          : [{ kind: "path", directory: data }];
      case "add-mask":
        if (data.trim() === "") return [row("warning", "Cannot mask an empty value.")];
        return [{ kind: "mask", value: data }];
      case "debug":
        return this.#options.debug ? rows("##[debug]", data) : [];
      case "error":
      case "warning":
      case "notice":
        return this.#annotate(name, command);
      case "group":
        return [{ kind: "line", text: `##[group]${data}` }];
      case "endgroup":
        return [{ kind: "line", text: "##[endgroup]" }];
      case "echo":
        return this.#setEcho(data);
      case "add-matcher":
        return data === ""
          ? [failure("The command 'add-matcher' needs a file.")]
          : [{ kind: "add-matcher", file: data }];
      case "remove-matcher":
        return removeMatcher(command);
      default:
        return this.#stop(data);
    }
  }

  /** Whether one more annotation of this level is kept; to be asked once for each. */
  countAnnotation(level: AnnotationLevel): boolean {
    this.#annotations[level] += 1;
    return this.#annotations[level] <= MAX_ANNOTATIONS;
  }

  #setEcho(data: string): readonly CommandEffect[] {
    const word = data.trim().toLowerCase();
    if (word !== "on" && word !== "off") return [failure(`The command 'echo' takes on or off, not '${data}'.`)];
    this.#echo = word === "on";
    return [];
  }

  #stop(token: string): readonly CommandEffect[] {
    if (
      token === "" ||
      token === "pause-logging" ||
      isCommandName(token) ||
      parseResume(`::${token}::`) === undefined
    ) {
      return [failure(`The command 'stop-commands' cannot use the token '${token}': choose a random word.`)];
    }
    this.#stopToken = token;
    return token.length >= MASKED_TOKEN_LENGTH ? [{ kind: "mask", value: token }] : [];
  }

  #annotate(level: AnnotationLevel, command: WorkflowCommand): readonly CommandEffect[] {
    const annotation = toAnnotation(level, command, this.#options.relativePath);
    const effects: CommandEffect[] = rows(`##[${level}]`, placePrefix(annotation) + command.data);
    if (this.countAnnotation(level)) effects.push({ kind: "annotation", annotation });
    return effects;
  }
}

function removeMatcher({ properties, data }: WorkflowCommand): readonly CommandEffect[] {
  const owner = properties.get("owner") ?? "";
  if ((owner === "") === (data === ""))
    return [failure("The command 'remove-matcher' needs either an owner or a file.")];
  return [{ kind: "remove-matcher", owner, file: data }];
}

function named(command: WorkflowCommand, kind: "output" | "state" | "env"): readonly CommandEffect[] {
  const name = command.properties.get("name") ?? "";
  if (name === "")
    return [failure(`The command '${command.name}' needs a name, as in ::${command.name} name=NAME::VALUE.`)];
  return [{ kind, name, value: command.data }];
}

function failure(message: string): CommandEffect {
  return { kind: "fail", message };
}

function row(level: AnnotationLevel, message: string): CommandEffect {
  return { kind: "line", text: `##[${level}]${message}` };
}

/** Rows hold one line each; the mark stands on the first. */
function rows(mark: string, text: string): CommandEffect[] {
  return text.split(/\r\n|\r|\n/).map((line, index) => ({ kind: "line", text: index === 0 ? mark + line : line }));
}

function placePrefix({ file, line, column, title }: Annotation): string {
  const place = file === undefined ? "" : `${[file, line, column].filter((part) => part !== undefined).join(":")}: `;
  return title === undefined ? place : `${place}${title}: `;
}

/** The rules for places are GitHub's: no end without a start, columns only within one line, nothing before its start. */
function toAnnotation(
  level: AnnotationLevel,
  { properties, data }: WorkflowCommand,
  relativePath: (file: string) => string,
): Annotation {
  const number = (key: string) => {
    const text = properties.get(key) ?? "";
    return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
  };
  const line = number("line");
  const endLine = number("endline");
  const column = number("col");
  const endColumn = number("endcolumn");
  const file = properties.get("file");
  const title = properties.get("title");
  const sameLine = endLine === undefined || endLine === line;
  return {
    level,
    message: data.slice(0, MAX_MESSAGE_LENGTH),
    ...(title === undefined ? {} : { title }),
    ...(file === undefined ? {} : { file: relativePath(file) }),
    ...(line === undefined ? {} : { line }),
    ...(line !== undefined && endLine !== undefined && endLine >= line ? { endLine } : {}),
    ...(line !== undefined && column !== undefined && sameLine ? { column } : {}),
    ...(line !== undefined && column !== undefined && endColumn !== undefined && sameLine && endColumn >= column
      ? { endColumn }
      : {}),
  };
}
