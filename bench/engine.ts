// What the engine costs a job: start-up, each step, each line of output, memory. Runs `exec` as a user does. Some
// minutes at most, nothing is left behind. The last line is one JSON object.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testEngine } from "../test/support/engines.ts";

const BIN = fileURLToPath(new URL("../bin/act-runner-ts.js", import.meta.url));
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const STEPS = Number(process.env["BENCH_STEPS"] ?? 1000);
const LINES = Number(process.env["BENCH_LINES"] ?? 1_000_000);
/** How often a program's memory is looked at. */
const LOOK_MS = 50;

interface Run {
  readonly seconds: number;
  /** The most memory of the program itself, without its children. */
  readonly peakMib: number;
  readonly lines: number;
}

/** Runs a program to its end and counts its lines. @throws Error when it fails */
async function timed(argv: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const [program = "", ...args] = argv;
  const start = performance.now();
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let lines = 0;
  let peakMib = 0;
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-2000);
  });
  const look = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    peakMib = Math.max(peakMib, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }, LOOK_MS);
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${String(code)}: ${said}`);
  return { seconds: (performance.now() - start) / 1000, peakMib: Math.round(peakMib), lines };
}

const exec = (file: string, ...flags: string[]) => [process.execPath, BIN, "exec", "-W", file, ...flags];

/** The middle of several runs: the machine has moods. */
async function median(run: () => Promise<Run>): Promise<number> {
  await run(); // fills the caches
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) seconds.push((await run()).seconds);
  return seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? 0;
}

async function workflow(name: string, steps: readonly string[]): Promise<string> {
  const path = join(folder, name);
  const list = steps.map((step) => `      - run: ${step}\n`).join("");
  await writeFile(path, `on: push\njobs:\n  one:\n    runs-on: x\n    steps:\n${list}`);
  return path;
}

const folder = await mkdtemp(join(tmpdir(), "bench-engine-"));
await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
const figures: Record<string, number | string> = {};
const tell = (name: string, value: number, unit: string, target: string) => {
  figures[name] = Number(value.toFixed(3));
  process.stdout.write(
    `${name.padEnd(44)} ${value.toFixed(value < 100 ? 2 : 0).padStart(10)} ${unit.padEnd(8)} ${target}\n`,
  );
};

process.stdout.write(
  `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(2)}\n\n`,
);
const one = await workflow("one.yml", ["true"]);
tell("exec of one step on the host", (await median(() => timed(exec(one)))) * 1000, "ms", "target 400");

const many = await workflow(
  "many.yml",
  Array.from({ length: STEPS }, (__, at) => `echo ${at}`),
);
const script = join(folder, "step.sh");
await writeFile(script, "echo 1\n");
const loop = await timed(["bash", "-c", `for i in $(seq ${STEPS}); do bash -e ${script}; done`]);
const job = await timed(exec(many));
tell(`exec of ${STEPS} steps`, job.seconds, "s", "");
tell(`a plain loop of ${STEPS} bashes`, loop.seconds, "s", "");
tell("each step over the plain loop", ((job.seconds - loop.seconds) / STEPS) * 1000, "ms", "target 10");
tell("memory of the runner, steps", job.peakMib, "MiB", "target 200");

const loud = await workflow("loud.yml", [`seq ${LINES}`]);
const lines = await timed(exec(loud));
if (lines.lines < LINES) throw new Error(`only ${lines.lines} lines came`);
tell(`exec of a step that prints ${LINES} lines`, lines.seconds, "s", "");
tell("lines a second", lines.lines / lines.seconds, "lines/s", "target 200000");
tell("memory of the runner, lines", lines.peakMib, "MiB", "target 200");

const found = await testEngine("docker");
if ("missing" in found) process.stdout.write(`docker is left out: ${found.missing}\n`);
else {
  const { socket, image } = found.engine;
  const env = { DOCKER_HOST: `unix://${socket}` };
  const network = "bench-engine";
  execFileSync("docker", ["network", "create", network], { env: { ...process.env, ...env }, stdio: "ignore" });
  const plain = await median(() => timed(["docker", "run", "--rm", "--network", network, image, "true"], env));
  execFileSync("docker", ["network", "rm", network], { env: { ...process.env, ...env }, stdio: "ignore" });
  const inside = await median(() => timed(exec(one, "-i", image), env));
  tell("docker run", plain * 1000, "ms", "");
  tell("exec of one step in docker", inside * 1000, "ms", "");
  tell("a docker job over docker run", (inside - plain) * 1000, "ms", "target 700");
}
process.stdout.write(`${JSON.stringify(figures)}\n`);
