import type { StepHandler } from "../engine/step-handler.ts";

/** GitHub's actions that are built in, so that they need neither a download nor Node; each is loaded when it is used. */
const ACTIONS: Readonly<Record<string, () => Promise<StepHandler>>> = {
  "actions/checkout": async () => (await import("./checkout.ts")).builtinCheckout,
  "actions/upload-artifact": async () => (await import("./upload-artifact.ts")).builtinUploadArtifact,
  "actions/download-artifact": async () => (await import("./download-artifact.ts")).builtinDownloadArtifact,
  "actions/cache": async () => (await import("./cache.ts")).builtinCache,
  "actions/cache/restore": async () => (await import("./cache.ts")).builtinCacheRestore,
  "actions/cache/save": async () => (await import("./cache.ts")).builtinCacheSave,
};
/** Artifacts before version 4 have another service and other rules; who pins those means them. */
const OLD_ARTIFACTS = /^actions\/(upload|download)-artifact@v[1-3](\.|$)/;

/** Loads the built-in action for a `uses` at any ref, also by its full address; undefined where it is fetched like any other. */
export async function builtinAction(uses: string, platform: NodeJS.Platform): Promise<StepHandler | undefined> {
  const short = uses.toLowerCase().replace(/^https?:\/\/[^/]+\//, "");
  const name = /^(actions\/[^@\s]+)@[^@/\s]+$/.exec(short)?.[1];
  if (name === undefined || !Object.hasOwn(ACTIONS, name) || OLD_ARTIFACTS.test(short)) return undefined;
  // Windows has no `find` and `tar` of POSIX
  if (platform === "win32" && name !== "actions/checkout") return undefined;
  return await ACTIONS[name]?.();
}
