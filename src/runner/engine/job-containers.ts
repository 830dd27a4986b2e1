import type { ContainerSpec, JobSpec, ServiceSpec } from "../../executors/executor.ts";
import { AppError } from "../../lib/errors.ts";
import { evaluateMapping, evaluateTemplate } from "../../workflow/evaluate-template.ts";
import { isPrimitive } from "../../workflow/expressions/coercion.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import { NeedsHash } from "../../workflow/expressions/needs-hash.ts";
import { ExprArray, ExprObject, type ExprValue, fromJson, toText } from "../../workflow/expressions/value.ts";
import { fixedContexts } from "./contexts.ts";
import type { JobRequest } from "./job-request.ts";

/** The containers that a job asks for, and notes for its log. */
export interface JobContainers {
  readonly spec: Pick<JobSpec, "container" | "services">;
  readonly notes: readonly string[];
}

const KEYS: ReadonlySet<string> = new Set(["image", "credentials", "env", "ports", "volumes", "options"]);
const SERVICE_KEYS: ReadonlySet<string> = new Set([...KEYS, "entrypoint", "command"]);

/**
 * Evaluates `container` and `services`, before the job has an environment. An image that comes out empty means none.
 * @throws AppError invalid when they are not what they have to be
 */
export function evaluateContainers(request: JobRequest): JobContainers {
  const { container, services } = request.job;
  if (container === undefined && services === undefined) return { spec: {}, notes: [] };
  const context = contextOf(request);
  const notes: string[] = [];
  const job =
    container === undefined ? undefined : readSpec(evaluateTemplate(container, context), "the job's container", KEYS);
  const beside: ServiceSpec[] = [];
  for (const [name, value] of services === undefined ? [] : fields(evaluateTemplate(services, context), "services")) {
    const spec = readSpec(value, `the service ${name}`, SERVICE_KEYS);
    if (spec === undefined) notes.push(`The service '${name}' is not started, since its image is empty.`);
    else beside.push({ ...spec, name });
  }
  return {
    spec: { ...(job === undefined ? {} : { container: job }), ...(beside.length > 0 ? { services: beside } : {}) },
    notes,
  };
}

function readSpec(
  value: ExprValue,
  what: string,
  keys: ReadonlySet<string>,
): (ContainerSpec & Pick<ServiceSpec, "entrypoint" | "command">) | undefined {
  if (isPrimitive(value)) return image(toText(value)) === "" ? undefined : { image: image(toText(value)) };
  const entries = new Map(fields(value, what));
  const unknown = [...entries.keys()].find((key) => !keys.has(key));
  if (unknown !== undefined) {
    throw new AppError("invalid", `'${unknown}' is not a key of ${what}: known are ${[...keys].join(", ")}`);
  }
  const name = image(text(entries.get("image"), `the image of ${what}`));
  if (name === "") return undefined;
  const word = (key: "options" | "entrypoint" | "command") => {
    const found = text(entries.get(key), `'${key}' of ${what}`);
    return found === "" ? {} : { [key]: found };
  };
  const credentials = entries.get("credentials") ?? null;
  return {
    image: name,
    ...(credentials === null ? {} : { credentials: readCredentials(credentials, what) }),
    env: Object.fromEntries(
      fields(entries.get("env") ?? null, `'env' of ${what}`).map(([key, item]) => [key, text(item, key)]),
    ),
    ports: list(entries.get("ports"), `'ports' of ${what}`),
    volumes: list(entries.get("volumes"), `'volumes' of ${what}`),
    ...word("options"),
    ...word("entrypoint"),
    ...word("command"),
  };
}

function image(name: string): string {
  return name.trim().replace(/^docker:\/\//, "");
}

/** Half of a credential would be used without the other, and fail with another reason. */
function readCredentials(value: ExprValue, what: string): { username: string; password: string } {
  const entries = new Map(fields(value, `'credentials' of ${what}`));
  const username = text(entries.get("username"), "username");
  const password = text(entries.get("password"), "password");
  if (username !== "" && password !== "") return { username, password };
  throw new AppError("invalid", `the credentials of ${what} need a username and a password; one of them is empty`);
}

function list(value: ExprValue | undefined, what: string): string[] {
  if (value === undefined || value === null) return [];
  const items = value instanceof ExprArray ? value.items : [value];
  return items.map((item) => text(item, what)).filter((item) => item !== "");
}

function text(value: ExprValue | undefined, what: string): string {
  if (value === undefined || value === null) return "";
  if (isPrimitive(value)) return toText(value);
  throw new AppError("invalid", `${what} has to be a text`);
}

function fields(value: ExprValue, what: string): [string, ExprValue][] {
  if (value === null) return [];
  if (value instanceof ExprObject) return [...value.entries()].map(([key, item]) => [key, item]);
  throw new AppError("invalid", `${what} has to be a mapping`);
}

/** What is known before the environment stands: everything but `runner`, `job` and `steps`. */
function contextOf(request: JobRequest): EvaluationContext {
  const contexts = new Map<string, ExprValue>([
    ...fixedContexts(request),
    ["github", fromJson({ ...request.github })],
    ["env", new ExprObject()],
  ]);
  const env = new Map<string, ExprValue>();
  for (const mapping of [request.workflow.env, request.job.env]) {
    if (mapping === undefined) continue;
    contexts.set("env", new ExprObject(env, { caseSensitive: true }));
    try {
      for (const [name, value] of evaluateMapping(mapping, { contexts })) env.set(name, value);
    } catch (error) {
      // it may need what only an environment has; what is wrong with it is told when the job's env is set
      if (!(error instanceof AppError || error instanceof NeedsHash)) throw error;
    }
  }
  contexts.set("env", new ExprObject(env, { caseSensitive: true }));
  return { contexts };
}

/** What the `job` context says of the containers. */
export function containersContext(containers: {
  readonly container?: object;
  readonly services: Readonly<Record<string, object>>;
}): [string, ExprValue][] {
  const { container, services } = containers;
  return [
    ...(container === undefined ? [] : [["container", fromJson({ ...container })] as [string, ExprValue]]),
    ["services", fromJson(Object.fromEntries(Object.entries(services).map(([name, facts]) => [name, { ...facts }])))],
  ];
}
