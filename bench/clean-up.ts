/** What a bench acquires; a signal that ends it early gives it back too. */
export const resources = new AsyncDisposableStack();
let cleaned: Promise<void> | undefined;

/** Once, whether the end or a signal asks first. */
export function cleanUp(): Promise<void> {
  cleaned ??= resources.disposeAsync();
  return cleaned;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await cleanUp();
    process.exit(130);
  });
}
