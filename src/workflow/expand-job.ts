import { AppError, errorText } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import { evaluateBoolean, evaluateNumber, evaluateTemplate, evaluateText } from "./evaluate-template.ts";
import { isPrimitive } from "./expressions/coercion.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import { ExpressionError } from "./expressions/expression-error.ts";
import { NeedsHash } from "./expressions/needs-hash.ts";
import { ExprArray, ExprObject, type ExprValue, fromJson, toText } from "./expressions/value.ts";
import { expandMatrix, type MatrixLeg } from "./matrix.ts";
import type { JobDefinition, RequeueWord, Template } from "./model.ts";

/** One execution of a job: a leg of its matrix, or the job itself. */
export interface JobLeg {
  /** Display name. */
  readonly name: string;
  /** The `matrix` context; empty without a matrix. */
  readonly matrix: { readonly [key: string]: JsonValue };
  /** Labels a runner needs; empty for a job with `uses`. */
  readonly runsOn: readonly string[];
  /** `strategy.job-index`, from 0. */
  readonly index: number;
  /** `strategy.job-total`. */
  readonly total: number;
  readonly failFast: boolean;
  readonly maxParallel?: number;
  readonly continueOnError: boolean;
  /** See `JobDefinition.requeue`. */
  readonly requeue?: RequeueWord;
}

/** Contexts for a job whose needs are done. */
export interface JobContexts {
  readonly github: ExprValue;
  readonly inputs: ExprValue;
  readonly vars: ExprValue;
  /** From `needsContext`. @default empty */
  readonly needs?: ExprValue;
}

/** The contexts that the server knows, as the evaluator wants them. */
export function jobContextMap(
  contexts: JobContexts,
  more: Readonly<Record<string, ExprValue>> = {},
): ReadonlyMap<string, ExprValue> {
  return new Map<string, ExprValue>([
    ["github", contexts.github],
    ["inputs", contexts.inputs],
    ["vars", contexts.vars],
    ["needs", contexts.needs ?? new ExprObject()],
    ...Object.entries(more),
  ]);
}

/** Strategy settings that all legs share. */
type Shared = Pick<JobLeg, "total" | "failFast" | "maxParallel">;

const NO_MATRIX: MatrixLeg = { values: {}, nameSuffix: "" };

/** Expands a job into its legs. @throws AppError("invalid") when the strategy, name or runs-on cannot be evaluated */
export function expandJob(definition: JobDefinition, contexts: JobContexts): JobLeg[] {
  try {
    const base: EvaluationContext = { contexts: jobContextMap(contexts) };
    const { strategy } = definition;
    const legs = strategy?.matrix === undefined ? [NO_MATRIX] : expandMatrix(evaluateTemplate(strategy.matrix, base));
    const shared: Shared = {
      total: legs.length,
      failFast: strategy?.failFast === undefined ? true : evaluateBoolean(strategy.failFast, base),
      ...(strategy?.maxParallel === undefined ? {} : { maxParallel: maxParallel(strategy.maxParallel, base) }),
    };
    return legs.map((leg, index) => expandLeg(definition, contexts, leg, index, shared));
  } catch (error) {
    if (error instanceof NeedsHash) {
      throw new AppError(
        "invalid",
        `Job '${definition.id}' uses hashFiles() outside of its steps; move it into a step`,
        error,
      );
    }
    if (error instanceof AppError && error.code === "invalid") {
      throw new AppError("invalid", `Job '${definition.id}' cannot be expanded: ${errorText(error)}`, error);
    }
    throw error;
  }
}

function maxParallel(template: Template, context: EvaluationContext): number {
  const value = evaluateNumber(template, context);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new ExpressionError("evaluation", `max-parallel has to be a whole number from 1 on, not ${value}`);
}

function expandLeg(
  definition: JobDefinition,
  contexts: JobContexts,
  leg: MatrixLeg,
  index: number,
  shared: Shared,
): JobLeg {
  const context = legContext(contexts, { ...shared, matrix: leg.values, index });
  const { continueOnError, runsOn, requeue } = definition;
  return {
    ...shared,
    name: nameOf(definition, leg, context),
    matrix: leg.values,
    runsOn: runsOn === undefined ? [] : labelsOf(runsOn, context),
    index,
    continueOnError: continueOnError === undefined ? false : evaluateBoolean(continueOnError, context),
    ...(requeue === undefined ? {} : { requeue }),
  };
}

/** What an expression in a job's keys may read, once it is known which leg it is for. */
export function legContext(
  contexts: JobContexts,
  leg: Pick<JobLeg, "matrix" | "index" | "total" | "failFast" | "maxParallel">,
): EvaluationContext {
  return {
    contexts: jobContextMap(contexts, { matrix: fromJson(leg.matrix), strategy: strategyContext(leg) }),
  };
}

/** The `strategy` context of a leg. */
function strategyContext({
  index,
  total,
  failFast,
  maxParallel: parallel,
}: Pick<JobLeg, "index" | "total" | "failFast" | "maxParallel">): ExprObject {
  return new ExprObject([
    ["fail-fast", failFast],
    ["job-index", index],
    ["job-total", total],
    ["max-parallel", parallel ?? total],
  ]);
}

/** A name with an expression stands as it evaluates; otherwise the values of the matrix are appended, as Gitea does. */
function nameOf({ id, name }: JobDefinition, leg: MatrixLeg, context: EvaluationContext): string {
  if (name === undefined) return id + leg.nameSuffix;
  const text = evaluateText(name, context).trim();
  if (text === "") return id + leg.nameSuffix;
  return name.kind === "literal" ? text + leg.nameSuffix : text;
}

function labelsOf(template: Template, context: EvaluationContext): string[] {
  const value = evaluateTemplate(template, context);
  const wanted = value instanceof ExprObject ? (value.get("labels") ?? null) : value;
  const labels = (wanted instanceof ExprArray ? wanted.items : [wanted]).map((label) => {
    if (isPrimitive(label)) return toText(label).trim();
    throw new ExpressionError("evaluation", "runs-on has to be a label or a sequence of labels");
  });
  // An empty list is meant: where such a job runs is up to the server. An empty text is a mistake in an expression.
  if (labels.length === 0) return [];
  const given = labels.filter((label) => label !== "");
  if (given.length > 0) return [...new Set(given)];
  throw new ExpressionError("evaluation", "runs-on is empty; name at least one label of a runner");
}
