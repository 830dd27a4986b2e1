/** Writes one log line: the fields, then a sentence without values in it. The shape is pino's, so that a pino logger is one. */
export type LogFn = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** What the parts of the project need of a logger; the programs pass a pino instance, tests a recorder. */
export interface Logger {
  readonly debug: LogFn;
  readonly info: LogFn;
  readonly warn: LogFn;
  readonly error: LogFn;
}

/** Logs nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
