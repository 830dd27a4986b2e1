import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { TableChannel } from "../../../../src/server/services/table-channel.ts";
import type { ChangeLog, ChangeLogRow } from "../../../../src/server/storage/store.ts";
import { FakeClock } from "./fake-clock.ts";

/** A table in memory that notes each statement's time. */
class MemoryLog implements ChangeLog {
  readonly rows: ChangeLogRow[] = [];
  readonly statements: { readonly at: number; readonly what: string }[] = [];
  failing = false;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async newest() {
    return this.rows.at(-1)?.id ?? 0;
  }
  async append(message: string) {
    this.#note("append");
    this.rows.push({ id: (this.rows.at(-1)?.id ?? 0) + 1, message });
  }
  async read({ after, except, limit }: Parameters<ChangeLog["read"]>[0]) {
    this.#note("read");
    return this.rows.filter(({ id }) => id > after && !except.includes(id)).slice(0, limit);
  }
  async prune(upTo: number, limit: number) {
    this.#note("prune");
    const gone = this.rows.filter(({ id }) => id <= upTo).slice(0, limit);
    for (const row of gone) this.rows.splice(this.rows.indexOf(row), 1);
    return gone.length;
  }
  #note(what: string) {
    if (this.failing) throw new Error("the database is away");
    this.statements.push({ at: this.#clock.now(), what });
  }
}

async function open() {
  const clock = new FakeClock();
  const table = new MemoryLog(clock);
  const channel = new TableChannel({ table, clock, log: silentLogger });
  const heard: string[] = [];
  channel.listen((text) => heard.push(text));
  await channel.start();
  /** Lets time pass in small steps, so that the loop runs as it would. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 5) {
      clock.advance(5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, table, channel, heard, pass, [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose]() };
}

describe("the change table", () => {
  it("is read often enough to hear within a quarter of a second, with less than five statements a second", async () => {
    await using subject = await open();
    await subject.pass(10_000);
    expect(subject.table.statements.length).toBeGreaterThanOrEqual(40);
    expect(subject.table.statements.length).toBeLessThanOrEqual(50);
    const times = subject.table.statements.map(({ at }) => at);
    for (const [i, at] of times.entries()) if (i > 0) expect(at - (times[i - 1] ?? 0)).toBeLessThanOrEqual(240);
  });

  it("is written at once after a quiet time", async () => {
    await using subject = await open();
    await subject.pass(3_000);
    subject.channel.send("a", "now");
    subject.channel.send("b", "now");
    await subject.pass(5);
    expect(subject.table.rows.map(({ message }) => message)).toEqual([JSON.stringify(["a", "b"])]);
  });

  it("is written within a second where nobody waits", async () => {
    await using subject = await open();
    subject.channel.send("a", "soon");
    await subject.pass(500);
    expect(subject.table.rows).toEqual([]);
    await subject.pass(700);
    expect(subject.table.rows).toHaveLength(1);
  });

  it("takes five statements a second and loses nothing while there is something to send all the time", async () => {
    await using subject = await open();
    for (let i = 0; i < 1_000; i++) {
      subject.channel.send(String(i), "now");
      await subject.pass(10);
    }
    expect(subject.table.statements.length).toBeLessThanOrEqual(53);
    await subject.pass(2_000);
    expect(subject.heard).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i)));
  });

  it("hears rows whose ids come out of order within ten seconds, each once", async () => {
    await using subject = await open();
    subject.table.rows.push({ id: 7, message: '["seven"]' });
    await subject.pass(9_000);
    subject.table.rows.unshift({ id: 5, message: '["five"]' });
    await subject.pass(9_000);
    expect(subject.heard).toEqual(["seven", "five"]);
  });

  it("goes on after the database was away, with what was sent meanwhile", async () => {
    await using subject = await open();
    subject.table.failing = true;
    subject.channel.send("a", "now");
    await subject.pass(3_000);
    subject.table.failing = false;
    await subject.pass(2_000);
    expect(subject.heard).toEqual(["a"]);
  });

  it("deletes old rows in pieces", async () => {
    await using subject = await open();
    for (let id = 1; id <= 1_200; id++) subject.table.rows.push({ id, message: "[]" });
    await subject.pass(185_000);
    expect(subject.table.rows).toEqual([]);
    expect(subject.table.statements.filter(({ what }) => what === "prune").length).toBeGreaterThanOrEqual(3);
  });

  it("writes what waits when it is closed", async () => {
    const subject = await open();
    subject.channel.send("a", "now");
    await subject[Symbol.asyncDispose]();
    expect(subject.table.rows.map(({ message }) => message)).toEqual(['["a"]']);
  });
});
