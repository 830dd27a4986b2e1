import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { nearestName } from "../../lib/nearest-name.ts";

/** The findings of a schema, as fastify hands them on. */
interface Findings {
  readonly validation: readonly {
    readonly keyword: string;
    readonly instancePath: string;
    readonly message?: string;
    readonly params: Readonly<Record<string, unknown>>;
  }[];
  readonly validationContext?: string | undefined;
}

/** One sentence for all that a schema found: where, and what is wrong there; unknown keys with the nearest known one. */
export function validationSentence(findings: Findings, request: FastifyRequest): string {
  const place = PLACES[findings.validationContext ?? ""] ?? "the request";
  const schema = findings.validationContext === "body" ? request.routeOptions.schema?.body : undefined;
  const faults = findings.validation.map((finding) => {
    const path = finding.instancePath.split("/").filter((part) => part !== "");
    if (finding.keyword === "unrecognized_keys") return unknownKeys(path, finding.params["keys"], schema);
    return path.length === 0 ? (finding.message ?? "is wrong") : `${path.join(".")}: ${finding.message ?? "is wrong"}`;
  });
  return `${place} is not valid: ${faults.join("; ")}`;
}

const PLACES: Readonly<Record<string, string>> = { body: "the body", querystring: "the query", params: "the path" };

function unknownKeys(path: readonly string[], keys: unknown, schema: unknown): string {
  const known = knownKeys(path, schema);
  return (Array.isArray(keys) ? keys : [])
    .map((key) => {
      const nearest = nearestName(String(key), known);
      const hint = nearest === undefined ? `known are ${known.join(", ")}` : `did you mean ${nearest}?`;
      return `unknown key ${[...path, String(key)].join(".")}, ${hint}`;
    })
    .join("; ");
}

/** Keys that an object of the schema may have. */
function knownKeys(path: readonly string[], schema: unknown): string[] {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) return [];
  const [first, ...rest] = path;
  return first === undefined ? Object.keys(inner.shape) : knownKeys(rest, inner.shape[first]);
}

function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return unwrapped(schema.unwrap());
  }
  return schema;
}
