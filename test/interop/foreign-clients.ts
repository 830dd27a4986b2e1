import { type ExecFileOptions, execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const project = resolve(import.meta.dirname, "../..");
const examples = join(project, "examples/clients");
/** Import path of the generated Go code, as `go_package` in proto/ says. */
const GO_MODULE = "github.com/act-runner-ts/act-runner-ts";
/** No network: prepare.sh has fetched everything. */
const GO_ENV = {
  ...process.env,
  GOTOOLCHAIN: "local",
  GOPROXY: "off",
  CGO_ENABLED: "0",
  GOFLAGS: "-buildvcs=false -mod=readonly",
};

/** One line that a client printed. */
export interface ClientEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** What a client is told, by environment: a token has no place in argv. */
export interface ClientSettings {
  /** host:port */
  readonly address: string;
  /** Its name, and its one label. */
  readonly name: string;
  /** A registration token, or the identity of a runner that is there already. */
  readonly token: string | { readonly uuid: string; readonly token: string };
  /** How many tasks it runs before it ends. @default 1 */
  readonly tasks?: number;
  /** Poll, though the server has streams. @default false */
  readonly poll?: boolean;
}

/** Runs a client to its end and resolves to what it printed. */
export type RunClient = (settings: ClientSettings) => Promise<ClientEvent[]>;

/** A client that other people's tools make from our .proto. */
export interface ForeignClient {
  readonly name: string;
  /** Why it cannot run here, or undefined. */
  readonly missing: string | undefined;
  /** Generates its code and builds it in `directory`, as docs/protocol.md says. Returns how to run it. */
  build(directory: string): Promise<RunClient>;
}

/** grpc-go, with code by protoc-gen-go and protoc-gen-go-grpc. */
const go: ForeignClient = {
  name: "go",
  missing: missingGo(),
  async build(directory) {
    cpSync(join(examples, "go"), directory, { recursive: true });
    const plugin = (name: string) => ({
      local: ["go", "-C", directory, "tool", name],
      out: directory,
      opt: [`module=${GO_MODULE}`],
    });
    const plugins = [plugin("protoc-gen-go"), plugin("protoc-gen-go-grpc")];
    await run(
      join(project, "node_modules/.bin/buf"),
      ["generate", "--template", JSON.stringify({ version: "v2", plugins })],
      { cwd: project, env: GO_ENV },
    );
    const program = join(directory, "runner");
    await run("go", ["build", "-o", program, "."], { cwd: directory, env: GO_ENV });
    return (settings) => printed(program, [], settings, {});
  },
};

/** grpcio, with code by grpcio-tools. */
const python: ForeignClient = {
  name: "python",
  missing: missingPython(),
  async build(directory) {
    mkdirSync(directory, { recursive: true });
    const services = ["ping", "runner"].flatMap((name) => [`${name}/v1/messages.proto`, `${name}/v1/services.proto`]);
    const protos = [...services, "actrunner/v1/task_stream.proto"];
    const flags = [`-I${join(project, "proto")}`, `--python_out=${directory}`, `--grpc_python_out=${directory}`];
    const program = join(venv(), "bin/python");
    await run(program, ["-m", "grpc_tools.protoc", ...flags, ...protos]);
    for (const name of ["ping", "runner", "actrunner"]) writeFileSync(join(directory, name, "__init__.py"), "");
    const env = { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: "1" };
    return (settings) => printed(program, [join(examples, "python/main.py")], settings, env);
  },
};

/** All of them. */
export const foreignClients: readonly ForeignClient[] = [go, python];

/** Where prepare.sh puts the Python packages: a change of the pins makes a new venv. */
function venv(): string {
  const pins = createHash("sha256")
    .update(readFileSync(join(examples, "python/requirements.txt")))
    .digest("hex")
    .slice(0, 12);
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "act-runner-ts", `interop-python-${pins}`);
}

function missingGo(): string | undefined {
  try {
    execFileSync("go", ["mod", "download"], { cwd: join(examples, "go"), env: GO_ENV, stdio: "pipe" });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT"
      ? "go is not on the PATH"
      : "the Go modules are not in the module cache (or go is too old): run test/interop/prepare.sh";
  }
}

function missingPython(): string | undefined {
  return existsSync(join(venv(), "complete")) ? undefined : "grpcio is not installed: run test/interop/prepare.sh";
}

async function printed(
  program: string,
  args: readonly string[],
  { address, name, token, tasks = 1, poll = false }: ClientSettings,
  env: Readonly<Record<string, string>>,
): Promise<ClientEvent[]> {
  const identity =
    typeof token === "string"
      ? { RUNNER_REGISTRATION_TOKEN: token }
      : { RUNNER_UUID: token.uuid, RUNNER_TOKEN: token.token };
  const options: ExecFileOptions = {
    timeout: 60_000,
    env: {
      ...process.env,
      ...env,
      ...identity,
      RUNNER_ADDRESS: address,
      RUNNER_NAME: name,
      RUNNER_TASKS: String(tasks),
      ...(poll ? { RUNNER_POLL: "1" } : {}),
      // A proxy of the machine is not for loopback; grpc clients would ask it.
      NO_PROXY: "*",
      no_proxy: "*",
    },
  };
  // A client that fails says so by an event, too.
  const { stdout } = await run(program, args, { ...options, encoding: "utf8" }).catch((error) => {
    if (!String(error.stdout).includes('"failed"')) throw error;
    return error as { stdout: string };
  });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ClientEvent);
}
