/** Files of a repository whose jobs use the real packages, which they import from the addresses in their environment. */
export const toolkitFiles = {
  "artifact.mjs": `
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
const { DefaultArtifactClient } = await import(process.env.ARTIFACT_PACKAGE);
const client = new DefaultArtifactClient();
const [what] = process.argv.slice(2);
const sum = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
if (what === "upload") {
  mkdirSync("out/deep", { recursive: true });
  writeFileSync("out/a.txt", "artifact of " + process.env.GITHUB_JOB);
  writeFileSync("out/deep/big.bin", randomBytes(20 * 1024 * 1024)); // three blocks of the client
  console.log("sum " + sum("out/deep/big.bin"));
  const made = await client.uploadArtifact("site", ["out/a.txt", "out/deep/big.bin"], "out", { compressionLevel: 0, retentionDays: 5 });
  console.log("made " + JSON.stringify({ id: typeof made.id, size: made.size > 20e6, digest: made.digest?.length }));
  const again = await client.uploadArtifact("site", ["out/a.txt"], "out").catch((error) => error.message);
  console.log("again " + again);
  await client.uploadArtifact("gone", ["out/a.txt"], "out");
  await client.deleteArtifact("gone");
  const { artifacts } = await client.listArtifacts();
  console.log("list " + artifacts.map(({ name }) => name).join());
} else {
  const { artifact } = await client.getArtifact("site");
  const { downloadPath, digestMismatch } = await client.downloadArtifact(artifact.id, { path: "in", expectedHash: artifact.digest });
  console.log("read " + readFileSync("in/a.txt", "utf8") + " mismatch " + digestMismatch);
  console.log("sum " + sum("in/deep/big.bin"));
  console.log("missing " + await client.getArtifact("nothing").catch((error) => error.name));
}
`,
  "cache.mjs": `
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const cache = await import(process.env.CACHE_PACKAGE);
const [what, key, ...restoreKeys] = process.argv.slice(2);
if (what === "save") {
  mkdirSync("deps", { recursive: true });
  writeFileSync("deps/file", "saved under " + key);
  console.log("save " + (await cache.saveCache(["deps"], key) >= 0 ? "done" : "refused"));
} else {
  rmSync("deps", { recursive: true, force: true });
  const hit = await cache.restoreCache(["deps"], key, restoreKeys);
  console.log("restore " + hit + (hit ? ": " + readFileSync("deps/file", "utf8") : ""));
}
`,
  "summary.mjs": `
const { summary } = await import(process.env.CORE_PACKAGE);
await summary.addHeading("Coverage").addTable([["a", "b"]]).write();
`,
};

/** Variables of the packages, and of a server that they take for GitHub's. */
export const toolkitEnv = {
  ARTIFACT_PACKAGE: import.meta.resolve("@actions/artifact"),
  CACHE_PACKAGE: import.meta.resolve("@actions/cache"),
  CORE_PACKAGE: import.meta.resolve("@actions/core"),
};

/** A `run` step of one of the scripts. @param github as on github.com, which asks for the newest protocols */
export function toolkitStep(
  script: string,
  { github = true, path }: { readonly github?: boolean; readonly path?: string } = {},
): string {
  return `      - run: |\n          ${path === undefined ? "" : `PATH=${path} `}${github ? "GITHUB_SERVER_URL=https://github.com " : ""}"$NODE" ${script}\n`;
}

/** A workflow with jobs of steps, each after the one before. @param options.checkout whether they begin with the repository's files */
export function toolkitWorkflow(jobs: Readonly<Record<string, string>>, { checkout = true } = {}): string {
  const env = Object.entries({ ...toolkitEnv, NODE: process.execPath }).map(([name, value]) => `  ${name}: ${value}\n`);
  const ids = Object.keys(jobs);
  const texts = Object.entries(jobs).map(([id, steps], index) => {
    const needs = index === 0 ? "" : `    needs: ${ids[index - 1]}\n`;
    return `  ${id}:\n    runs-on: linux\n${needs}    steps:\n${checkout ? "      - uses: actions/checkout@v4\n" : ""}${steps}`;
  });
  return `on: [push, workflow_dispatch]\nenv:\n${env.join("")}jobs:\n${texts.join("")}`;
}
