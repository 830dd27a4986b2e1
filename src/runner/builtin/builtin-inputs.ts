import { AppError } from "../../lib/errors.ts";
import type { StageScope } from "../engine/step-handler.ts";

/** The inputs of a built-in action, as GitHub's library reads them: names in any case, values without space around them. */
export class BuiltinInputs {
  readonly #what: string;
  readonly #values: ReadonlyMap<string, string>;

  /** @param what the action, for sentences: `the checkout` */
  constructor(what: string, values: ReadonlyMap<string, string>) {
    this.#what = what;
    this.#values = new Map([...values].map(([name, value]) => [name.toLowerCase(), value.trim()]));
  }

  /** Evaluates the `with` of a step. @throws AppError invalid when an expression is wrong */
  static async of(scope: StageScope, what: string): Promise<BuiltinInputs> {
    return new BuiltinInputs(what, scope.step.with === undefined ? new Map() : await scope.mapping(scope.step.with));
  }

  /** A text; an empty one is the fallback. */
  text(name: string, fallback = ""): string {
    return this.#values.get(name) || fallback;
  }

  /** A text that has to be there. @throws AppError invalid */
  required(name: string): string {
    const value = this.text(name);
    if (value === "") throw new AppError("invalid", `the input '${name}' of ${this.#what} is missing`);
    return value;
  }

  /** `true` or `false`. @throws AppError invalid for anything else */
  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name, String(fallback));
    if (/^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
    throw new AppError("invalid", `the input '${name}' of ${this.#what} has to be true or false, not '${value}'`);
  }

  /** A whole number of 0 or more. @throws AppError invalid for anything else, or one above `max` */
  number(name: string, fallback: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.text(name, String(fallback));
    if (/^[0-9]+$/.test(value) && Number(value) <= max) return Number(value);
    const limit = max === Number.MAX_SAFE_INTEGER ? "" : ` up to ${max}`;
    throw new AppError("invalid", `the input '${name}' of ${this.#what} has to be a number${limit}, not '${value}'`);
  }

  /** One of some words. @throws AppError invalid for anything else */
  word<T extends string>(name: string, words: readonly [T, ...T[]]): T {
    const value = this.text(name, words[0]);
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw new AppError(
      "invalid",
      `the input '${name}' of ${this.#what} has to be one of ${words.join(", ")}, not '${value}'`,
    );
  }

  /** The lines that hold something. */
  lines(name: string): string[] {
    return this.text(name)
      .split(/\r?\n/)
      .flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  }
}
