import { expect, test } from "vitest";
import { readServerEvents } from "../../../src/cli/server-events.ts";

async function read(...chunks: string[]) {
  const encoder = new TextEncoder();
  const events = [];
  for await (const event of readServerEvents(
    (async function* () {
      for (const chunk of chunks) yield encoder.encode(chunk);
    })(),
  )) {
    events.push(event);
  }
  return events;
}

test("events are put together across chunks; comments are skipped; ids stay", async () => {
  expect(
    await read(
      ": hi\n\neve",
      'nt: log\nid: 1:2\ndata: {"a":',
      "1}\n\n",
      ":\n\nevent: end\r\ndata: x: y\r\ndata:z\r\n\r\n",
      "data: cut",
    ),
  ).toEqual([
    { event: "log", id: "1:2", data: '{"a":1}' },
    { event: "end", id: "1:2", data: "x: y\nz" },
  ]);
});
