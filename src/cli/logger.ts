import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from "pino";
import type { Logger } from "../lib/logger.ts";
import type { CliContext } from "./cli-context.ts";
import { formatLogLine } from "./format-log-line.ts";
import type { LogOptions } from "./log-choices.ts";
import { redactFields } from "./redact.ts";

/**
 * The logger of a program: to stderr, so that stdout stays for results. `DEBUG=*` (or naming act-runner) lowers the level to debug.
 * Texts under token-like keys are hidden.
 */
export function makeLogger(options: LogOptions, context: Pick<CliContext, "stderr" | "env">): Logger & PinoLogger {
  const text = options.logFormat === "text";
  const destination: DestinationStream = {
    write: (line) => void context.stderr.write(text ? formatLogLine(line) : line),
  };
  return pino(
    {
      level: wantsDebug(context.env["DEBUG"]) ? "debug" : options.logLevel,
      base: null,
      serializers: { err: stdSerializers.err, error: stdSerializers.err, cause: stdSerializers.err },
      formatters: { log: redactFields },
      ...(text ? {} : { timestamp: pino.stdTimeFunctions.isoTime, formatters: jsonFormatters }),
    },
    destination,
  );
}

const jsonFormatters = { log: redactFields, level: (label: string) => ({ level: label }) };

function wantsDebug(debug: string | undefined): boolean {
  return (debug ?? "").split(/[\s,]+/).some((pattern) => pattern === "*" || /^act-runner(-ts)?(:\*)?$/.test(pattern));
}
