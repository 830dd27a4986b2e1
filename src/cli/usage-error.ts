/** The command line is wrong: exit code 2. The sentence names the argument and what is expected. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
