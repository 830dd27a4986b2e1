/** One call of the runner protocol, ready to be sent. */
export interface Call {
  /** `runner.v1.RunnerService/FetchTask` */
  readonly method: string;
  /** All headers but host and content-length. */
  readonly headers: readonly (readonly [string, string])[];
  /** The encoded message. */
  readonly body: Buffer;
}

/** Where a lane of load, that is one call at a time, gets its calls. */
export interface CallSource {
  /** The next call, or undefined when the lane has done its part. */
  next(): Call | undefined;
  /** The answer to the call before. */
  answered(body: Buffer, ok: boolean): void;
}

/** What a load found out. */
export interface LoadResult {
  calls: number;
  /** Status and body of answers other than 200. */
  readonly failures: string[];
  readonly latenciesMs: number[];
}

/** A figure of the table. */
export interface Measured {
  readonly name: string;
  readonly calls: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  /** Calls for each second of processor time that the server used: what one core gives, whatever else runs beside. */
  readonly callsPerCpuSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

/**
 * Measures a load.
 * @param cpuSeconds processor time that the server has used so far
 */
export async function measure(
  name: string,
  cpuSeconds: () => number,
  load: () => Promise<LoadResult>,
): Promise<Measured> {
  const cpuBefore = cpuSeconds();
  const start = performance.now();
  const { calls, failures, latenciesMs } = await load();
  const seconds = (performance.now() - start) / 1000;
  const cpu = cpuSeconds() - cpuBefore;
  if (failures[0] !== undefined)
    console.error(`${name}: ${failures.length} of ${calls} failed, such as: ${failures[0]}`);
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number) =>
    round(latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * part))] ?? 0);
  return {
    name,
    calls,
    seconds: round(seconds),
    callsPerSecond: Math.round(calls / seconds),
    callsPerCpuSecond: cpu > 0 ? Math.round(calls / cpu) : 0,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failures: failures.length,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
