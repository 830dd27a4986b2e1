import { spawn } from "node:child_process";
import { once } from "node:events";

/** An answer that curl printed. */
export interface CurlAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the point is to see what is on the wire
  readonly json: any;
}

/**
 * Calls a method by Connect in JSON with curl: what a person can type.
 * @param service such as `runner.v1.RunnerService/FetchTask`
 */
export async function curl(
  base: string,
  service: string,
  message: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<CurlAnswer> {
  // By standard input, because headers carry tokens and argv is public.
  const lines = [
    ...Object.entries({ "content-type": "application/json", ...headers }).map(
      ([k, v]) => `header = ${quoted(`${k}: ${v}`)}`,
    ),
    `data-raw = ${quoted(JSON.stringify(message))}`,
    `url = ${quoted(`${base}/api/actions/${service}`)}`,
  ];
  const child = spawn(
    "curl",
    [
      "--silent",
      "--show-error",
      "--noproxy",
      "*",
      "--max-time",
      "30",
      "--config",
      "-",
      "--write-out",
      "\n%{http_code}",
    ],
    {
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
  child.stdin.end(`${lines.join("\n")}\n`);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`curl ${service}: exit ${code}: ${stderr}`);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), json: JSON.parse(stdout.slice(0, end)) };
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
