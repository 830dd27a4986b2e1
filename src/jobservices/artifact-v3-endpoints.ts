import { createHash } from "node:crypto";
import { AppError } from "../lib/errors.ts";
import type { Artifact, ArtifactFile } from "./artifact-records.ts";
import type { Artifacts } from "./artifacts.ts";
import type { Exchange } from "./exchange.ts";
import type { JobIdentity } from "./job-identity.ts";
import { MessageFields } from "./message-fields.ts";
import type { Endpoint, Services } from "./services.ts";
import { rangeName, type Uploads } from "./uploads.ts";

/** What is known of a file before it is complete, stored beside its parts. */
interface FileNote {
  readonly path: string;
  readonly encoding: string | null;
}

const DAY_MS = 24 * 3_600_000;
const MAX_PATH = 4096;
const MAX_NOTE_BYTES = 64 * 1024;

/**
 * Artifact protocol 3, below `…_apis/pipelines/workflows/{run}/artifacts`: a container of files, each uploaded by itself
 * with `Content-Range`, sealed by PATCH. (`@actions/artifact` 1, and Gitea's and Forgejo's forks of the v3 actions.)
 */
export const artifactV3Endpoint: Endpoint = async (services, exchange, match) => {
  const { artifacts, tokens } = services;
  if (artifacts === undefined) throw new AppError("not_found", "there are no artifacts here");
  const job = await tokens.identify(exchange.token());
  const [, run, id, rest] = match;
  if (run !== String(job.runId)) throw new AppError("forbidden", `the token does not belong to run ${run}`);
  const all = { ...services, artifacts };
  const call = `${exchange.method} ${[id === undefined ? "" : "id", rest ?? ""].join("/")}`;
  if (call === "POST /") return await create(all, job, exchange);
  if (call === "GET /") return await list(artifacts, job, exchange);
  if (call === "PATCH /") return await seal(all, job, exchange);
  if (call === "PUT id/upload") return await takeRange(all, job, exchange, Number(id));
  if (call === "GET id/download") return await listFiles(artifacts, job, exchange, Number(id));
  if (call === "GET id/file") return await sendOne(all, job, exchange, Number(id));
  throw new AppError("not_found", `there is no ${exchange.method} ${exchange.path}`);
};

type WithArtifacts = Services & { readonly artifacts: Artifacts };

async function create({ artifacts }: WithArtifacts, job: JobIdentity, exchange: Exchange): Promise<void> {
  const message = await exchange.json();
  const fields = new MessageFields({ name: message["Name"] ?? message["name"], days: message["RetentionDays"] });
  const days = fields.number("days");
  const artifact = await artifacts.create(job, {
    ...{ protocol: 3, name: fields.text("name") },
    ...(days ? { expiresAt: exchange.now + days * DAY_MS } : {}),
  });
  exchange.sendJson(201, container(artifact, exchange, "upload"));
}

async function list(artifacts: Artifacts, job: JobIdentity, exchange: Exchange): Promise<void> {
  const name = exchange.query.get("artifactName");
  const found = (await artifacts.ofRun(job.runId, name === null ? {} : { name })).filter(
    ({ protocol }) => protocol === 3,
  );
  exchange.sendJson(200, {
    count: found.length,
    value: found.map((artifact) => container(artifact, exchange, "download")),
  });
}

async function takeRange({ artifacts, uploads }: WithArtifacts, job: JobIdentity, exchange: Exchange, id: number) {
  const artifact = await artifacts.pending(id);
  if (artifact.taskId !== job.taskId) throw new AppError("not_found", `artifact ${id} does not exist`);
  const path = (exchange.query.get("itemPath") ?? "").replaceAll("\\", "/");
  if (path === "" || path.length > MAX_PATH || path.split("/").includes("..")) {
    throw new AppError("invalid", `'${path}' cannot be the path of a file in an artifact`);
  }
  const start = Number(/^bytes (\d{1,15})-/.exec(exchange.header("content-range") ?? "bytes 0-")?.[1] ?? 0);
  const folder = `${artifact.folder}/${createHash("sha256").update(path).digest("hex").slice(0, 40)}`;
  const note: FileNote = { path, encoding: exchange.header("content-encoding") === "gzip" ? "gzip" : null };
  if (start === 0)
    await uploads.write({
      folder: `${folder}/note`,
      name: "note",
      content: textOf(JSON.stringify(note)),
      signal: exchange.signal,
    });
  const content = exchange.body();
  await uploads.write({ folder: `${folder}/parts`, name: rangeName(start), content, signal: exchange.signal });
  exchange.sendJson(200, { message: "success" });
}

async function seal({ artifacts, uploads }: WithArtifacts, job: JobIdentity, exchange: Exchange): Promise<void> {
  const artifact = await artifacts.pendingOf(job, exchange.query.get("artifactName") ?? "");
  const files: ArtifactFile[] = [];
  for (const folder of await uploads.folders(artifact.folder)) {
    const note = JSON.parse(await readText(uploads, `${folder}/note`)) as FileNote;
    files.push({ ...note, ...(await uploads.assembleRanges(`${folder}/parts`)) });
  }
  await artifacts.finish(job, artifact, files);
  exchange.sendJson(200, { message: "success" });
}

async function listFiles(artifacts: Artifacts, job: JobIdentity, exchange: Exchange, id: number): Promise<void> {
  const artifact = await ofRun(artifacts, job, id);
  const prefix = exchange.query.get("itemPath") ?? "";
  const files = artifact.files.filter(({ path }) => path === prefix || path.startsWith(`${prefix}/`) || prefix === "");
  const time = new Date(artifact.createdAt).toISOString();
  const value = files.map(({ path, size }) => ({
    ...{ containerId: artifact.id, scopeIdentifier: "", path, itemType: "file", status: "created", fileLength: size },
    ...{ fileEncoding: 1, fileType: 1, dateCreated: time, dateLastModified: time },
    contentLocation: `${address(artifact, exchange)}/file?itemPath=${encodeURIComponent(path)}`,
  }));
  exchange.sendJson(200, { count: value.length, value });
}

async function sendOne({ artifacts, uploads }: WithArtifacts, job: JobIdentity, exchange: Exchange, id: number) {
  const artifact = await ofRun(artifacts, job, id);
  const path = exchange.query.get("itemPath");
  const file = artifact.files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new AppError("not_found", `artifact '${artifact.name}' has no file '${path}'`);
  const encoding = file.encoding === null ? {} : { "content-encoding": file.encoding };
  await exchange.sendFile(file.size, { "content-type": "application/octet-stream", ...encoding }, (range) =>
    uploads.read(file, range),
  );
}

async function ofRun(artifacts: Artifacts, job: JobIdentity, id: number): Promise<Artifact> {
  const [artifact] = await artifacts.ofRun(job.runId, { id });
  if (artifact === undefined) throw new AppError("not_found", `run ${job.runId} has no artifact ${id}`);
  return artifact;
}

function container(artifact: Artifact, exchange: Exchange, use: "upload" | "download") {
  const place = address(artifact, exchange);
  return {
    ...{ containerId: artifact.id, size: use === "upload" ? -1 : artifact.size, signedContent: null },
    ...{ fileContainerResourceUrl: `${place}/${use}`, type: "actions_storage", name: artifact.name, url: place },
    expiresOn: new Date(artifact.expiresAt).toISOString(),
  };
}

function address({ id }: Artifact, exchange: Exchange): string {
  return `${exchange.base}${exchange.path.replace(/\/artifacts(\/.*)?$/, "/artifacts")}/${id}`;
}

async function* textOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

async function readText(uploads: Uploads, folder: string): Promise<string> {
  const file = await uploads.assemble(folder, ["note"]);
  if (file.size > MAX_NOTE_BYTES) throw new AppError("internal", "the note of a file is too large");
  const chunks: Uint8Array[] = [];
  for await (const chunk of uploads.read(file)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
