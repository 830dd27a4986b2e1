import { AppError } from "../lib/errors.ts";

/** The fields of a message in protobuf's JSON: names in either spelling, wrappers bare, 64-bit numbers as texts. */
export class MessageFields {
  readonly #message: Readonly<Record<string, unknown>>;

  constructor(message: Readonly<Record<string, unknown>>) {
    this.#message = message;
  }

  /** A text; undefined when it is absent. @throws AppError invalid */
  optionalText(name: string): string | undefined {
    const value = unwrap(this.#value(name));
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" || typeof value === "number") return String(value);
    throw new AppError("invalid", `the field ${name} has to be a text`);
  }

  /** A text that has to be there. @throws AppError invalid */
  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined || value === "") throw new AppError("invalid", `the field ${name} is missing`);
    return value;
  }

  /** A whole number of 0 or more; undefined when it is absent. @throws AppError invalid */
  number(name: string): number | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new AppError("invalid", `the field ${name} has to be a whole number`);
    }
    return value;
  }

  /** A list of texts; absent is empty. @throws AppError invalid */
  texts(name: string): readonly string[] {
    const value = this.#value(name) ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw new AppError("invalid", `the field ${name} has to be a list of texts`);
  }

  /** A time as epoch milliseconds; undefined when it is absent. @throws AppError invalid */
  time(name: string): number | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    const value = Date.parse(text);
    if (Number.isNaN(value)) throw new AppError("invalid", `the field ${name} has to be a time`);
    return value;
  }

  #value(name: string): unknown {
    return this.#message[name] ?? this.#message[name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
  }
}

/** `{"value": x}` is how some clients write a wrapper. */
function unwrap(value: unknown): unknown {
  return typeof value === "object" && value !== null && "value" in value ? value.value : value;
}
