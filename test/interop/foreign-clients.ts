import { type ExecFileOptions, execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = import.meta.dirname;
const project = resolve(here, "../..");
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
  /** A registration token. */
  readonly token: string;
}

/** A client that other people's tools make from our .proto. */
export interface ForeignClient {
  readonly name: string;
  /** Why it cannot run here, or undefined. */
  readonly missing: string | undefined;
  /** Generates its code and builds it in `directory`. Returns how to run it: it resolves to what it printed. */
  build(directory: string): Promise<(settings: ClientSettings) => Promise<ClientEvent[]>>;
}

/** grpc-go, with code by protoc-gen-go and protoc-gen-go-grpc. */
const go: ForeignClient = {
  name: "go",
  missing: missingGo(),
  async build(directory) {
    cpSync(join(here, "go"), directory, { recursive: true });
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
    const protos = ["ping", "runner"].flatMap((name) => [`${name}/v1/messages.proto`, `${name}/v1/services.proto`]);
    const flags = [`-I${join(project, "proto")}`, `--python_out=${directory}`, `--grpc_python_out=${directory}`];
    const program = join(venv(), "bin/python");
    await run(program, ["-m", "grpc_tools.protoc", ...flags, ...protos]);
    for (const name of ["ping", "runner"]) writeFileSync(join(directory, name, "__init__.py"), "");
    const env = { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: "1" };
    return (settings) => printed(program, [join(here, "python/client.py")], settings, env);
  },
};

/** All of them. */
export const foreignClients: readonly ForeignClient[] = [go, python];

/** Where prepare.sh puts the Python packages: a change of the pins makes a new venv. */
function venv(): string {
  const pins = createHash("sha256")
    .update(readFileSync(join(here, "python/requirements.txt")))
    .digest("hex")
    .slice(0, 12);
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "act-runner-ts", `interop-python-${pins}`);
}

function missingGo(): string | undefined {
  try {
    execFileSync("go", ["mod", "download"], { cwd: join(here, "go"), env: GO_ENV, stdio: "pipe" });
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
  { address, name, token }: ClientSettings,
  env: Readonly<Record<string, string>>,
): Promise<ClientEvent[]> {
  const options: ExecFileOptions = {
    timeout: 60_000,
    // A proxy of the machine is not for loopback; grpc clients would ask it.
    env: {
      ...process.env,
      ...env,
      INTEROP_ADDRESS: address,
      INTEROP_NAME: name,
      INTEROP_TOKEN: token,
      NO_PROXY: "*",
      no_proxy: "*",
    },
  };
  const { stdout } = await run(program, args, { ...options, encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ClientEvent);
}
