import { AppError } from "../lib/errors.ts";
import type { RestClient } from "./rest-client.ts";

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z /;

/**
 * The rows of a job's log without their timestamps; none where no runner took the job yet. `path` is the job's below
 * `/api/v1`; `tail` asks for so many rows at the end.
 */
export async function* readJobLog(client: RestClient, path: string, tail?: number): AsyncGenerator<string> {
  let response: Response;
  try {
    response = await client.open("GET", `${path}/logs`, { query: { tail } });
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return;
    throw error;
  }
  for await (const row of splitRows(response)) yield row.replace(TIMESTAMP, "");
}

/** Complete rows of a text answer; what stands behind the last line end counts as a row. */
export async function* splitRows(response: Response): AsyncGenerator<string> {
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
