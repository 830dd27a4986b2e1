import { AppError } from "../lib/errors.ts";
import { parseLogRow } from "./render-log-line.ts";
import type { RestClient } from "./rest-client.ts";
import { plainText } from "./sanitize.ts";

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z /;

/** Reads the log of one job piece by piece. */
export class JobLog {
  readonly #client: RestClient;
  readonly #path: string;
  #rowsRead = 0;
  #lastError: string | undefined;

  /** @param path of the job below `/api/v1`: `/repos/{owner}/{name}/actions/jobs/{id}` */
  constructor(client: RestClient, path: string) {
    this.#client = client;
    this.#path = path;
  }

  /** Text of the last error row that was read. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The rows that came since the last call, without their timestamps; none where there is no log yet. */
  async *newRows(signal: AbortSignal | undefined): AsyncGenerator<string> {
    for await (const row of this.#rows(signal)) {
      this.#rowsRead += 1;
      const text = row.replace(TIMESTAMP, "");
      const parsed = parseLogRow(text);
      if (parsed.kind === "error") this.#lastError = plainText(parsed.text);
      yield text;
    }
  }

  async *#rows(signal: AbortSignal | undefined): AsyncGenerator<string> {
    const query = this.#rowsRead === 0 ? {} : { offset: this.#rowsRead };
    let response: Response;
    try {
      response = await this.#client.open("GET", `${this.#path}/logs`, { query, signal });
    } catch (error) {
      if (error instanceof AppError && error.code === "not_found") return;
      throw error;
    }
    yield* splitRows(response);
  }
}

/** Complete rows of a text answer; what stands behind the last line end counts as a row. */
async function* splitRows(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
