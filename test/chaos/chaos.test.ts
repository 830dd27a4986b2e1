import { describe, expect, it } from "vitest";
import { mariadbMissing } from "../support/mariadb.ts";
import { FULL_CHAOS } from "./chaos-options.ts";
import { runChaos } from "./run-chaos.ts";
import { runServerOutage } from "./server-outage.ts";

const quiet = () => undefined;
if (mariadbMissing !== undefined) console.warn(`chaos is skipped: ${mariadbMissing}`);

/** Short forms of `npm run test:chaos`. */
describe("chaos", { timeout: 180_000 }, () => {
  it.skipIf(mariadbMissing !== undefined)(
    "on three replicas, whose database goes away: every job is done once, and no row is lost",
    async () => {
      const size = { jobs: 40, pollers: 12, tickMs: 200, killEveryMs: 4_000, databaseStopMs: 2_000 };
      const options = { ...FULL_CHAOS, ...size, loss: 0.05, limitMs: 120_000 };
      const { figures, problems } = await runChaos(options, quiet);
      expect(problems).toEqual([]);
      expect(figures).toMatchObject({ accepted: 40, replicas: 3, databaseAwayMs: expect.any(Number) });
      expect(figures["databaseAwayMs"]).toBeGreaterThan(2_000);
    },
  );

  it("a server that is away while our runner works loses no job and no row", async () => {
    const { problems, figures } = await runServerOutage({ outageMs: 5_000, jobs: 4, lines: 50_000 }, quiet);
    expect(problems).toEqual([]);
    expect(figures["jobs"]).toBe(5);
  });
});
