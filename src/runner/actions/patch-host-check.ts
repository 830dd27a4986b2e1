/** The last of the host names that count as GitHub's for @actions/artifact and @actions/cache (their `isGhes`). */
const LOCALHOST_CHECK = /\.endsWith\(\s*(["'])\.LOCALHOST\1\s*\)/g;

/**
 * Lets the official artifact and cache clients in a bundle accept any server: their newer protocols refuse hosts other
 * than github.com, *.ghe.com and *.localhost. Gitea's runner changes the same test. Returns other content as it is.
 */
export function patchHostCheck(content: Buffer): Buffer {
  if (!content.includes(".LOCALHOST")) return content;
  const text = content.toString("latin1");
  return Buffer.from(text.replaceAll(LOCALHOST_CHECK, '.endsWith("")'), "latin1");
}
