import { parseArgs } from "node:util";
import { mariadbMissing } from "../support/mariadb.ts";
import { FULL_CHAOS } from "./chaos-options.ts";
import { runChaos } from "./run-chaos.ts";
import { runServerOutage } from "./server-outage.ts";

const USAGE = `npm run test:chaos [-- options]

  Pollers that behave like stock runners against replicas on MariaDB, while answers are lost, clients give up, replicas
  are killed and the database is away. Prints the figures, as its last line as JSON; exits 1 when something is wrong.

  --seed N            of everything left to chance (default ${FULL_CHAOS.seed})
  --jobs N            (default ${FULL_CHAOS.jobs})
  --pollers N         (default ${FULL_CHAOS.pollers})
  --replicas N        (default ${FULL_CHAOS.replicas})
  --database-stop T   how long the database is away, such as 60s; 0: never (default 60s)
  --kill-every T      mean time between kills of replicas; 0: none (default 15s)
  --loss P            share of answers that are lost (default ${FULL_CHAOS.loss})
  --aborts P          share of polls and tasks that clients give up (default ${FULL_CHAOS.aborts})
  --limit T           fail after it (default 30m)

  --server-outage T   another run instead: our runner with 50 jobs, and one that prints 1,000,000 lines, while the server
                      is away for so long (the issue's: 10m)
`;

const { values } = parseArgs({
  options: {
    ...{ seed: { type: "string" }, jobs: { type: "string" }, pollers: { type: "string" } },
    ...{ replicas: { type: "string" }, "database-stop": { type: "string" }, "kill-every": { type: "string" } },
    ...{ loss: { type: "string" }, aborts: { type: "string" }, limit: { type: "string" } },
    ...{ "server-outage": { type: "string" }, help: { type: "boolean" } },
  },
});

/** A duration such as 90s, 10m or 0, in ms. */
function duration(text: string): number {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`'${text}' is not a duration: write 90s, 10m or 0`);
  return Number(amount) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1_000);
}

/** A number that is not negative. */
function amount(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`'${text}' is not a number of this kind`);
  return value;
}

function read<T>(text: string | undefined, parse: (text: string) => T, fallback: T): T {
  return text === undefined ? fallback : parse(text);
}

async function main(): Promise<number> {
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const begin = performance.now();
  const say = (line: string) => console.log(`${Math.round((performance.now() - begin) / 1_000)} s: ${line}`);
  const outage = values["server-outage"];
  if (outage === undefined && mariadbMissing !== undefined) throw new Error(mariadbMissing);
  const { figures, problems } =
    outage === undefined
      ? await runChaos(
          {
            ...FULL_CHAOS,
            seed: read(values.seed, amount, FULL_CHAOS.seed),
            jobs: read(values.jobs, amount, FULL_CHAOS.jobs),
            pollers: read(values.pollers, amount, FULL_CHAOS.pollers),
            replicas: read(values.replicas, amount, FULL_CHAOS.replicas),
            databaseStopMs: read(values["database-stop"], duration, FULL_CHAOS.databaseStopMs),
            killEveryMs: read(values["kill-every"], duration, FULL_CHAOS.killEveryMs),
            loss: read(values.loss, amount, FULL_CHAOS.loss),
            aborts: read(values.aborts, amount, FULL_CHAOS.aborts),
            limitMs: read(values.limit, duration, FULL_CHAOS.limitMs),
          },
          say,
        )
      : await runServerOutage(
          { outageMs: duration(outage), jobs: read(values.jobs, amount, 50), lines: 1_000_000 },
          say,
        );
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value}`);
  for (const problem of problems.slice(0, 50)) console.error(problem);
  if (problems.length > 50) console.error(`… and ${problems.length - 50} more`);
  console.log(JSON.stringify(figures));
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
