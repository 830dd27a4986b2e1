/** Names of Node's architectures as Gitea's runners spell them in labels. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x64", arm64: "arm64", arm: "arm", ia32: "x86" };

const SYSTEMS: Readonly<Record<string, string>> = {
  linux: "linux",
  darwin: "macos",
  win32: "windows",
  freebsd: "freebsd",
};

/**
 * Labels of a runner that was given none: what it is, and on Linux the names that most workflows ask for.
 * They run on this machine itself.
 */
export function defaultLabels(platform: string, architecture: string): readonly string[] {
  const own = ["self-hosted", SYSTEMS[platform] ?? platform, ARCHITECTURES[architecture] ?? architecture];
  const usual = platform === "linux" ? ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04"] : [];
  return [...own, ...usual].map((name) => `${name}:host`);
}
