import { createHash } from "node:crypto";
import { posix } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { StageEnd, StageScope, StepHandler } from "../engine/step-handler.ts";
import { tarOfFile, tarOfZip } from "./artifact-archive.ts";
import { ArtifactClient, artifactsOfRun, type FoundArtifact } from "./artifact-client.ts";
import { BuiltinInputs } from "./builtin-inputs.ts";
import { openJobServices } from "./job-services.ts";
import { JobTools } from "./job-tools.ts";
import { namePattern } from "./name-pattern.ts";

const WHAT = "the download of an artifact";

/**
 * `actions/download-artifact`, built in; inputs and outputs are those of its version 8. The runner gets the files, and
 * `tar` of the job writes them with the job's rights.
 */
export const builtinDownloadArtifact: StepHandler = { main: download };

async function download(scope: StageScope): Promise<StageEnd> {
  const request = await readRequest(scope);
  const tools = await JobTools.open(scope);
  const target = scope
    .join(scope.environment.paths.workspace, expandHome(request.path, tools.home))
    .replace(/(?<=.)\/$/, "");
  const chosen = choose(await listed(scope, request), request);
  await scope.log("Preparing to download the following artifacts:");
  for (const { name, id, size, digest } of chosen.artifacts) {
    await scope.log(`- ${name} (ID: ${id}, Size: ${size}, Expected Digest: ${digest ?? "unknown"})`);
  }
  if (chosen.missing.length > 0) {
    await scope.log(`##[warning]Could not find the following artifact IDs: ${chosen.missing.join(", ")}`);
  }
  const direct = request.name !== "" || request.mergeMultiple || chosen.artifacts.length === 1;
  const damaged: string[] = [];
  for (const artifact of chosen.artifacts) {
    const folder = direct ? target : posix.join(target, artifact.name);
    const digest = await fetchInto(tools, artifact, { folder, skipDecompress: request.skipDecompress });
    if (artifact.digest !== undefined && artifact.digest !== digest) damaged.push(artifact.name);
  }
  await scope.log(`Total of ${chosen.artifacts.length} artifact(s) downloaded`);
  scope.output("download-path", target);
  return await judge(scope, damaged, request);
}

async function readRequest(scope: StageScope) {
  const inputs = await BuiltinInputs.of(scope, WHAT);
  const request = {
    name: inputs.text("name"),
    ids: inputs
      .text("artifact-ids")
      .split(",")
      .map((id) => id.trim())
      .filter((id) => id !== ""),
    path: inputs.text("path"),
    pattern: inputs.text("pattern"),
    mergeMultiple: inputs.flag("merge-multiple", false),
    token: inputs.text("github-token"),
    repository: inputs.text("repository", String(scope.github["repository"] ?? "")),
    runId: inputs.text("run-id", String(scope.github["run_id"] ?? "")),
    skipDecompress: inputs.flag("skip-decompress", false),
    digestMismatch: inputs.word("digest-mismatch", ["error", "warn", "info", "ignore"]),
  };
  if (request.name !== "" && request.ids.length > 0) {
    throw new AppError(
      "invalid",
      `the inputs 'name' and 'artifact-ids' of ${WHAT} exclude each other; give one of them`,
    );
  }
  return request;
}

type DownloadRequest = Awaited<ReturnType<typeof readRequest>>;

/** Without a token these are the artifacts of the job's own run. */
async function listed(scope: StageScope, request: DownloadRequest): Promise<readonly FoundArtifact[]> {
  const { token, repository, runId } = request;
  if (token === "") return await new ArtifactClient(await openJobServices(scope)).list();
  scope.mask(token);
  const { clock, ids, signal, insecure } = scope;
  const apiUrl = String(scope.github["api_url"] ?? "");
  return await artifactsOfRun({ apiUrl, repository, runId, token }, { clock, ids, signal, insecure });
}

/** @throws AppError not_found when something was named and is not there */
function choose(all: readonly FoundArtifact[], { name, ids, pattern }: DownloadRequest) {
  if (name !== "") {
    const artifacts = all.filter((artifact) => artifact.name === name);
    if (artifacts.length > 0) return { artifacts, missing: [] };
    throw new AppError("not_found", `Unable to download artifact(s): Artifact not found for name: ${name}`);
  }
  if (ids.length > 0) {
    const artifacts = all.filter(({ id }) => ids.includes(String(id)));
    const missing = ids.filter((id) => !artifacts.some((artifact) => String(artifact.id) === id));
    if (artifacts.length > 0) return { artifacts, missing };
    throw new AppError("not_found", "Unable to download artifact(s): None of the provided artifact IDs were found");
  }
  const isWanted = namePattern(pattern);
  return { artifacts: pattern === "" ? all : all.filter(({ name: found }) => isWanted(found)), missing: [] };
}

/** Writes the files of an artifact into a folder of the job; returns the SHA-256 of what came. */
async function fetchInto(
  tools: JobTools,
  artifact: FoundArtifact,
  { folder, skipDecompress }: { readonly folder: string; readonly skipDecompress: boolean },
): Promise<string> {
  const { contentType, fileName = artifact.name, content } = await artifact.download();
  const hash = createHash("sha256");
  const hashed = async function* () {
    for await (const chunk of content) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await using file = await tools.keep(hashed());
  const isZip = /^application\/(x-)?zip(-compressed)?\b/i.test(contentType) || /\.zip$/i.test(fileName);
  const unpack = isZip && !skipDecompress;
  await tools.unpack(unpack ? tarOfZip(file, folder) : tarOfFile(file, posix.join(folder, fileName)), folder);
  return hash.digest("hex");
}

async function judge(scope: StageScope, damaged: readonly string[], request: DownloadRequest): Promise<StageEnd> {
  const { digestMismatch } = request;
  if (damaged.length === 0 || digestMismatch === "ignore") return { outcome: "success" };
  const sentence = `Digest validation failed for artifact(s): ${damaged.join(", ")}.`;
  if (digestMismatch === "error") return { outcome: "failure", message: sentence };
  await scope.log(`${digestMismatch === "warn" ? "##[warning]" : ""}${sentence}`);
  return { outcome: "success" };
}

function expandHome(path: string, home: string | undefined): string {
  return home !== undefined && /^~($|\/)/.test(path) ? `${home}${path.slice(1)}` : path;
}
