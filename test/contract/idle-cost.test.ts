import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/lib/logger.ts";
import { Presence } from "../../src/server/services/presence.ts";
import { eventually } from "../support/eventually.ts";
import { countStatements, type StatementCounter } from "../support/statement-counter.ts";
import { FakeClock } from "../unit/server/services/fake-clock.ts";
import { openServer, type ProtocolServer } from "./runner-protocol.fixture.ts";

/** What only frames a transaction. */
const FRAME = /^(BEGIN|SAVEPOINT|RELEASE|COMMIT)/;

/** What an idle fleet and a fleet with too much to do cost; the clock moves only where a test moves it. */
describe("dispatch", () => {
  let counter: StatementCounter;
  let clock: FakeClock;
  let server: ProtocolServer;

  beforeEach(async () => {
    counter = countStatements();
    clock = new FakeClock();
    server = await openServer({ clock });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    counter[Symbol.dispose]();
  });

  const work = () => counter.statements.filter((sql) => !FRAME.test(sql));

  it("makes no statement for an idle poll, only for the heartbeat of all runners together", async () => {
    const runners = await Promise.all(Array.from({ length: 20 }, () => server.register()));
    const { dispatcher, presence } = server.services;
    const pollAll = async () => {
      const polls = runners.map(({ client }) => client.fetchTask({ tasksVersion: 1n }, { timeoutMs: 5_000 }));
      await eventually("the polls to be parked", () => dispatcher.counts.parkedPolls === runners.length);
      clock.advance(4_600);
      const answers = await Promise.all(polls);
      await presence.flush();
      return answers;
    };
    await pollAll();
    // Two rounds: the memory is compared with the database every fifth time that the clock moves on.
    for (let round = 0; round < 2; round++) {
      counter.reset();
      const answers = await pollAll();
      expect(answers.filter(({ task }) => task !== undefined)).toEqual([]);
      // One when the polls come, one when they are answered 4.6 s later.
      expect(work().length).toBeLessThanOrEqual(2);
      expect(work().filter((sql) => !sql.startsWith("UPDATE runner SET last_online"))).toEqual([]);
    }
  });

  it("writes the heartbeats of 2,000 runners in one statement a second at most", async () => {
    await using presence = new Presence({ store: server.store, clock, log: silentLogger });
    counter.reset();
    for (let tenth = 0; tenth < 30; tenth++) {
      for (let runner = 1; runner <= 2_000; runner++) presence.stamp(runner, runner % 2 === 0);
      clock.advance(100);
    }
    await presence.flush();
    const heartbeats = work().filter((sql) => sql.startsWith("UPDATE runner SET last_online"));
    expect(heartbeats.length).toBeGreaterThan(0);
    expect(heartbeats.length).toBeLessThanOrEqual(4);
  });

  it("lets a flood of 1,000 jobs delay the first job of another repository by one free slot at most", async () => {
    const { client } = await server.register();
    const other = await server.addRepository("other");
    await server.addJobs(1_000);
    const next = async () => {
      const { task } = await client.fetchTask({}, { timeoutMs: 5_000 });
      return String(task?.context?.["repository"]);
    };
    for (let slot = 0; slot < 5; slot++) expect(await next()).toBe("octo/demo");
    await server.addJobs(1, {}, {}, other);
    expect([await next(), await next()]).toContain("octo/other");
  });
});
