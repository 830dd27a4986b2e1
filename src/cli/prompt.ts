import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { AppError } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";

/** How a question is asked. */
export interface Question {
  readonly text: string;
  /** Taken for an empty answer and shown in brackets. */
  readonly default?: string;
  /** The answer is not echoed. */
  readonly secret?: boolean;
  /** Asked again while this gives a sentence. */
  readonly check?: (answer: string) => string | undefined;
}

/** Asks on stderr and reads a line of stdin, until the answer passes. Throws `cancelled` at the end of input or on Ctrl-C. */
export async function ask(question: Question, context: Pick<CliContext, "stdin" | "stderr">): Promise<string> {
  for (;;) {
    const suffix = question.default === undefined || question.default === "" ? "" : ` [${question.default}]`;
    const answer = (await readLine(`${question.text}${suffix}: `, question.secret === true, context)).trim();
    const value = answer === "" ? (question.default ?? "") : answer;
    const problem = question.check?.(value);
    if (problem === undefined) return value;
    context.stderr.write(`${problem}\n`);
  }
}

async function readLine(
  text: string,
  secret: boolean,
  { stdin, stderr }: Pick<CliContext, "stdin" | "stderr">,
): Promise<string> {
  const echo = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!secret) stderr.write(chunk.toString("utf8"));
      done();
    },
  });
  if (secret) stderr.write(text);
  const lines = createInterface({ input: stdin, output: echo, terminal: stdin.isTTY === true, historySize: 0 });
  try {
    const closed = new Promise<never>((_, reject) => {
      lines.once("close", () => reject(new AppError("cancelled", "no answer was given: nothing was changed")));
      lines.once("SIGINT", () => lines.close());
    });
    return await Promise.race([lines.question(secret ? "" : text), closed]);
  } finally {
    lines.close();
    if (secret) stderr.write("\n");
  }
}
