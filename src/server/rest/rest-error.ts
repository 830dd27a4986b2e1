import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { AppError, type ErrorCode, toAppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Logger } from "../../lib/logger.ts";
import { validationSentence } from "./validation-sentence.ts";

/** The one table from our codes to HTTP's. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  exhausted: 429,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  internal: 500,
};

/** What every refusal looks like: Gitea's shape, with our data beside it where there is some. */
interface ErrorBody {
  /** One sentence. */
  readonly message: string;
  /** Where the interface is described. */
  readonly url: string;
  readonly details?: JsonValue;
}

/** Answers with a refusal. */
export function sendRefusal(
  reply: FastifyReply,
  status: number,
  message: string,
  docs: string,
  details?: JsonValue,
): void {
  const body: ErrorBody = { message, url: docs, ...(details === undefined ? {} : { details }) };
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="act-runner-ts"');
  if (status === 429 || status === 503) reply.header("retry-after", "5");
  // The route's own schema knows only good answers.
  reply.code(status).type("application/json; charset=utf-8").serializer(JSON.stringify).send(body);
}

/** Makes the handler that turns anything thrown by a route into a refusal. @param docs address of the description */
export function errorHandler(docs: () => string, log: Logger) {
  return (thrown: FastifyError | AppError | Error, request: FastifyRequest, reply: FastifyReply): void => {
    if (hasZodFastifySchemaValidationErrors(thrown)) {
      const status = thrown.validationContext === "body" ? 422 : 400;
      sendRefusal(reply, status, validationSentence(thrown, request), docs());
    } else if (!(thrown instanceof AppError) && "statusCode" in thrown && (thrown.statusCode ?? 500) < 500) {
      sendRefusal(reply, thrown.statusCode ?? 400, requestFault(thrown), docs());
    } else {
      const error = toAppError(thrown);
      if (error.code === "internal") {
        log.error(
          { method: request.method, url: request.routeOptions.url, err: thrown },
          "a request failed unexpectedly",
        );
      }
      sendRefusal(reply, HTTP_STATUS[error.code], error.message, docs(), error.details);
    }
  };
}

/** What fastify itself refuses before a route sees it. */
function requestFault(error: FastifyError): string {
  switch (error.code) {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return "the body is not JSON; correct it or leave it out";
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return "the body is too large; send less than 1 MiB";
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return "the body must be JSON; send it with Content-Type: application/json";
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return "the body does not have the length that Content-Length says; send all of it";
    default:
      return error instanceof SyntaxError ? "the body is not JSON; correct it or leave it out" : error.message;
  }
}
