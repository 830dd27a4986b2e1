import { describe, expect, it } from "vitest";
import { DEFAULT_DISPATCH_RULES, type DispatchRules } from "../../../../src/server/domain/dispatch-rules.ts";
import type { Scope } from "../../../../src/server/domain/scope.ts";
import { type ParkedPoll, ParkedPolls, type ParkOutcome } from "../../../../src/server/services/parked-polls.ts";
import { type Choice, type WaitingJob, WaitingJobs } from "../../../../src/server/services/waiting-jobs.ts";

const GLOBAL: Scope = { kind: "global" };

function job(id: number, patch: Partial<WaitingJob> = {}): WaitingJob {
  const times = { readyAt: id, createdAt: 0, reservation: null };
  return { id, ownerId: 1, repositoryId: 10, runsOn: ["linux"], priority: 0, ...times, ...patch };
}

function settings(rules: Readonly<Record<number, Partial<DispatchRules>>> = {}, emptyRunsOnMatches = true) {
  return { emptyRunsOnMatches, of: (id: number) => ({ ...DEFAULT_DISPATCH_RULES, ...rules[id] }) };
}

function runner(labels: string[], scope: Scope = GLOBAL, more: Partial<Choice> = {}): Choice {
  return { runner: { scope, labels: new Set(labels) }, now: 1_000_000, settings: settings(), ...more };
}

const ANY = { emptyRunsOnMatches: true };

describe("waiting jobs", () => {
  it("go by priority, then by share, then by age, over all repositories and label sets", () => {
    const jobs = new WaitingJobs();
    jobs.add(job(3));
    jobs.add(job(2, { repositoryId: 11 }));
    jobs.add(job(1, { runsOn: ["linux", "x64"] }));
    jobs.add(job(4, { priority: 5 }));
    const taken = [1, 2, 3, 4, 5].map(() => jobs.take(runner(["linux", "x64"]))?.id);
    expect(taken).toEqual([4, 2, 1, 3, undefined]);
    expect(jobs.size).toBe(0);
  });

  it("are only for runners with all labels and the right scope", () => {
    const jobs = new WaitingJobs();
    jobs.add(job(1, { runsOn: ["linux", "gpu"], ownerId: 2, repositoryId: 20 }));
    expect(jobs.take(runner(["linux"]))).toBeUndefined();
    expect(jobs.take(runner(["linux", "gpu"], { kind: "owner", ownerId: 1 }))).toBeUndefined();
    expect(jobs.take(runner(["linux", "gpu"], { kind: "repository", ownerId: 2, repositoryId: 21 }))).toBeUndefined();
    expect(jobs.take(runner(["gpu", "linux"], { kind: "repository", ownerId: 2, repositoryId: 20 }))?.id).toBe(1);
  });

  it("survive many removals in any order", () => {
    const jobs = new WaitingJobs();
    for (let id = 1; id <= 1000; id++) jobs.add(job(id, { readyAt: (id * 7919) % 1000 }));
    for (let id = 1; id <= 1000; id++) if (id % 10 !== 0) jobs.remove(id);
    const ready: number[] = [];
    for (let next = jobs.take(runner(["linux"])); next !== undefined; next = jobs.take(runner(["linux"]))) {
      ready.push(next.readyAt ?? -1);
    }
    expect(ready).toHaveLength(100);
    expect(ready).toEqual(ready.toSorted((a, b) => a - b));
  });

  it("that a reconciliation did not see are dropped, but not those added since", () => {
    const jobs = new WaitingJobs();
    jobs.add(job(1));
    jobs.add(job(2));
    const { mark } = jobs;
    jobs.add(job(3));
    jobs.dropUnseen(new Set([2]), mark);
    expect(jobs.inOrder().map(({ id }) => id)).toEqual([2, 3]);
  });

  it.each([
    { name: "one slot", flood: 1_000, weight: 1 },
    { name: "a heavy flood", flood: 1_000, weight: 100 },
    { name: "a light flood", flood: 1_000, weight: 0.1 },
  ])("of another repository wait for at most one free slot: $name", ({ flood, weight }) => {
    for (const before of [0, 1, 2, 500]) {
      const jobs = new WaitingJobs();
      const choice = runner(["linux"], GLOBAL, { settings: settings({ 10: { weight } }) });
      for (let id = 1; id <= flood; id++) jobs.add(job(id));
      for (let count = 0; count < before; count++) jobs.take(choice);
      jobs.add(job(5_000, { repositoryId: 11 }));
      const next = [jobs.take(choice)?.id, jobs.take(choice)?.id];
      expect(next).toContain(5_000);
    }
  });

  it("are shared by weight while several repositories want slots", () => {
    const jobs = new WaitingJobs();
    const choice = runner(["linux"], GLOBAL, { settings: settings({ 11: { weight: 3 } }) });
    for (let id = 1; id <= 400; id++)
      for (const repositoryId of [10, 11]) jobs.add(job(id * 100 + repositoryId, { repositoryId }));
    const taken = Array.from({ length: 200 }, () => jobs.take(choice)?.repositoryId);
    expect(taken.filter((id) => id === 11)).toHaveLength(150);
  });

  it("without runs-on go to any runner, or to none", () => {
    for (const matches of [true, false]) {
      const jobs = new WaitingJobs();
      jobs.add(job(1, { runsOn: [] }));
      expect(jobs.take(runner(["x"], GLOBAL, { settings: settings({}, matches) }))?.id).toBe(matches ? 1 : undefined);
    }
  });

  it("are kept for runners with the preferred label for a while", () => {
    const jobs = new WaitingJobs();
    const rules = settings({ 10: { preferredLabel: "eu", preferredWaitMs: 500 } });
    jobs.add(job(1, { readyAt: 1_000 }));
    jobs.add(job(2, { readyAt: 1_100 }));
    expect(jobs.take(runner(["linux"], GLOBAL, { settings: rules, now: 1_499 }))).toBeUndefined();
    expect(jobs.take(runner(["linux", "eu"], GLOBAL, { settings: rules, now: 1_499 }))?.id).toBe(1);
    expect(jobs.take(runner(["linux"], GLOBAL, { settings: rules, now: 1_599 }))).toBeUndefined();
    expect(jobs.take(runner(["linux"], GLOBAL, { settings: rules, now: 1_600 }))?.id).toBe(2);
  });
});

describe("parked polls", () => {
  function poll(runnerId: number, patch: Partial<ParkedPoll> = {}): ParkedPoll & { outcomes: ParkOutcome[] } {
    const outcomes: ParkOutcome[] = [];
    const settle = (outcome: ParkOutcome) => void outcomes.push(outcome);
    const labels = new Set(["linux"]);
    const free = { eligible: true, boundJobId: null, priority: 0, idleSince: 0 };
    return { runnerId, scope: GLOBAL, labels, ...free, settle, outcomes, ...patch };
  }

  it("of runners for one job are for no other", () => {
    const polls = new ParkedPolls();
    const bound = poll(1, { boundJobId: 7 });
    polls.add(bound);
    expect(polls.bestFor(job(1), ANY)).toBeUndefined();
    expect([polls.boundTo(7), polls.boundTo(7, 1), polls.boundTo(7, 2), polls.boundTo(1)]).toEqual([
      ...[bound, bound],
      ...[undefined, undefined],
    ]);
    polls.end(bound, { kind: "over" });
    expect([polls.boundTo(7), polls.size]).toEqual([undefined, 0]);
  });

  it("prefer the narrower scope, then the longer idle runner", () => {
    const polls = new ParkedPolls();
    const repository = poll(1, { scope: { kind: "repository", ownerId: 1, repositoryId: 10 }, idleSince: 9 });
    const owner = poll(2, { scope: { kind: "owner", ownerId: 1 } });
    const [busy, idle] = [poll(3, { idleSince: 8 }), poll(4, { idleSince: 7, labels: new Set(["linux", "x64"]) })];
    for (const each of [busy, owner, idle, repository]) polls.add(each);
    const order = [1, 2, 3, 4].map(() => {
      const best = polls.bestFor(job(1), ANY);
      if (best !== undefined) polls.end(best, { kind: "over" });
      return best?.runnerId;
    });
    expect(order).toEqual([1, 2, 4, 3]);
    expect(polls.size).toBe(0);
  });

  it("prefer the higher priority above all", () => {
    const polls = new ParkedPolls();
    const repository = poll(1, { scope: { kind: "repository", ownerId: 1, repositoryId: 10 } });
    const [low, high] = [poll(2, { priority: 1 }), poll(3, { priority: 2, idleSince: 9 })];
    for (const each of [repository, low, high, poll(4, { priority: -1 })]) polls.add(each);
    const order = [1, 2, 3, 4].map(() => {
      const best = polls.bestFor(job(1), ANY);
      if (best !== undefined) polls.end(best, { kind: "over" });
      return best?.runnerId;
    });
    expect(order).toEqual([3, 2, 1, 4]);
  });

  it("are passed over when they are not eligible or lack a label", () => {
    const polls = new ParkedPolls();
    const ineligible = poll(1, { eligible: false });
    polls.add(ineligible);
    polls.add(poll(2, { labels: new Set(["mac"]) }));
    expect(polls.bestFor(job(1), ANY)).toBeUndefined();
    const good = poll(3);
    polls.add(good);
    polls.end(ineligible, { kind: "over" });
    expect(polls.bestFor(job(1), ANY)).toBe(good);
  });

  it("end once", () => {
    const polls = new ParkedPolls();
    const one = poll(1);
    polls.add(one);
    polls.end(one, { kind: "runner-changed" });
    polls.end(one, { kind: "over" });
    expect(one.outcomes).toEqual([{ kind: "runner-changed" }]);
    expect(polls.ofRunner(1)).toEqual([]);
  });
});
