import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Result, TaskSchema } from "../../../src/protocol/messages.ts";
import { planTask, type TaskPlanOptions } from "../../../src/runner/task-plan.ts";

const OPTIONS: TaskPlanOptions = {
  address: "http://host/sub/",
  runner: { name: "one", version: "9", debug: false, arch: "X64" },
  envs: { EXTRA: "1" },
  setActEnv: true,
  allocatePty: false,
  serverCapabilities: "job-summary",
  timeoutMs: 1_000,
  conditionDecided: false,
};

const WORKFLOW = `name: CI
on:
  workflow_dispatch:
    inputs:
      deep: {type: boolean, default: true}
      count: {type: number}
      word: {default: hi}
jobs:
  build:
    runs-on: \${{ matrix.os }}
    strategy:
      matrix:
        os: [debian]
    steps:
      - run: a
`;

const plan = (task: MessageInitShape<typeof TaskSchema>, options = OPTIONS) =>
  planTask(create(TaskSchema, { id: 7n, workflowPayload: new TextEncoder().encode(WORKFLOW), ...task }), options);

function request(task: MessageInitShape<typeof TaskSchema>, options = OPTIONS) {
  const planned = plan(task, options);
  if (planned.kind === "broken") throw new Error(planned.problems.join("\n"));
  return planned;
}

describe("planTask", () => {
  it("gives jobs the address under which the runner reaches the server", () => {
    const { request: job, runsOn } = request({
      context: { server_url: "https://else", run_id: "41", workflow: "ci.yml" },
    });
    expect(job.github).toMatchObject({
      server_url: "http://host/sub",
      api_url: "http://host/sub/api/v1",
      graphql_url: "",
      workflow: "CI",
      job: "build",
      run_id: "41",
    });
    expect(job.fixedEnv).toMatchObject({
      ACTIONS_RUNTIME_URL: "http://host/sub/api/actions_pipeline/",
      ACTIONS_RESULTS_URL: "http://host/sub",
      GITEA_ACTIONS: "true",
      GITEA_RUN_ID: "41",
      GITEA_ACTIONS_CAPABILITIES: "job-summary",
    });
    expect(job.lowEnv).toEqual({ ACT: "true", EXTRA: "1" });
    expect([job.matrix, runsOn]).toEqual([{ os: "debian" }, ["debian"]]);
  });

  it.each([
    [{ GITEA_TOKEN: "a", GITHUB_TOKEN: "b" }, { token: "c" }, "a"],
    [{ GITHUB_TOKEN: "b" }, { token: "c" }, "b"],
    [{}, { token: "c" }, "c"],
    [{}, {}, ""],
  ])("takes the token from %j and %j", (secrets, context, token) => {
    const { request: job } = request({ secrets, context });
    expect(job.github["token"]).toBe(token);
    expect(job.fixedEnv["ACTIONS_RUNTIME_TOKEN"]).toBe(token);
  });

  it("prefers the runtime token, passes the identity endpoint on, and masks the tokens", () => {
    const { request: job } = request({
      context: {
        token: "t",
        gitea_runtime_token: "r",
        actions_id_token_request_url: "u",
        actions_id_token_request_token: "i",
      },
    });
    expect(job.fixedEnv).toMatchObject({
      ACTIONS_RUNTIME_TOKEN: "r",
      ACTIONS_ID_TOKEN_REQUEST_URL: "u",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "i",
    });
    expect(job.masks).toEqual(["t", "r", "i"]);
  });

  it("reads the inputs that the workflow declares, with their types", () => {
    const event = { inputs: { deep: "false", count: "3", other: "x" } };
    expect(request({ context: { event_name: "workflow_dispatch", event } }).request.inputs).toEqual({
      deep: false,
      count: 3,
      word: "hi",
    });
    expect(request({ context: { event_name: "workflow_dispatch", event: {} } }).request.inputs).toEqual({
      deep: true,
      count: null,
      word: "hi",
    });
    expect(request({ context: { event_name: "push", event } }).request.inputs).toEqual({});
  });

  it("knows the server's outside name, and hands on what the configuration says of actions and hooks", () => {
    const actions = { builtin: false, patch: true };
    const hooks = { started: "/hook" };
    const { request: job } = request({ context: { server_url: "https://else" } }, { ...OPTIONS, actions, hooks });
    expect(job.actions).toEqual({ ...actions, serverAliases: ["https://else"] });
    expect(job.hooks).toEqual(hooks);
    expect(request({}).request.actions).toEqual({ serverAliases: [] });
  });

  it("reads needs, and debugging from a secret or a variable", () => {
    const needs = { zero: { result: Result.CANCELLED, outputs: { a: "1" } } };
    expect(request({ needs }).request.needs).toEqual(new Map([["zero", { result: "cancelled", outputs: { a: "1" } }]]));
    expect(request({}).request.runner.debug).toBe(false);
    expect(request({ vars: { ACTIONS_STEP_DEBUG: "true" } }).request.runner.debug).toBe(true);
    expect(request({ secrets: { ACTIONS_STEP_DEBUG: "true" } }).request.runner.debug).toBe(true);
  });

  const yaml = (text: string) => ({ workflowPayload: new TextEncoder().encode(text) });

  it.each([
    ["no workflow", { workflowPayload: undefined }, "without a workflow"],
    ["not YAML", yaml("on: ["), "line 1"],
    [
      "two jobs",
      yaml("on: push\njobs:\n  a: {runs-on: x, steps: [{run: a}]}\n  b: {runs-on: x, steps: [{run: a}]}\n"),
      "2 jobs",
    ],
    ["two combinations", yaml(WORKFLOW.replace("[debian]", "[debian, alpine]")), "2 combinations"],
  ])("%s is a problem, not an error", (_, task, words) => {
    const planned = plan(task as MessageInitShape<typeof TaskSchema>);
    expect(planned.kind === "broken" ? planned.problems.join("\n") : "").toContain(words);
  });
});
