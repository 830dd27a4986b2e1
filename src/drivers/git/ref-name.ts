/** Longer ones fit into no file name of a loose ref, and not into an argument for ever. */
const LONGEST = 1024;

/** Whether git takes a name for a ref and nothing else: no option, range, search or path. */
export function isRefName(name: string): boolean {
  return name.length <= LONGEST && /^(?!-)(?!.*(\.\.|@\{))[^\s:^~?*[\\\p{Cc}]+$/u.test(name);
}
