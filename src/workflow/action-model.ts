import type { Condition, MappingTemplate, Step, Template } from "./model.ts";

/** An `action.yml`. */
export interface ActionMetadata {
  readonly name?: string;
  readonly description?: string;
  readonly inputs: ReadonlyMap<string, ActionInput>;
  readonly outputs: ReadonlyMap<string, ActionOutput>;
  readonly runs: ActionRuns;
}

/** A declared input; `default` is evaluated with the `github` context. */
export interface ActionInput {
  readonly description?: string;
  readonly required: boolean;
  readonly default?: Template;
  readonly deprecationMessage?: string;
}

/** A declared output; `value` only in composite actions. */
export interface ActionOutput {
  readonly description?: string;
  readonly value?: Template;
}

/** How an action runs. */
export type ActionRuns =
  | {
      readonly kind: "node";
      /** The `using` key, such as `node20`. */
      readonly using: string;
      readonly main: string;
      readonly pre?: string;
      /** Absent is `always()`. */
      readonly preIf?: Condition;
      readonly post?: string;
      /** Absent is `always()`. */
      readonly postIf?: Condition;
    }
  | { readonly kind: "composite"; readonly steps: readonly Step[] }
  | {
      readonly kind: "docker";
      /** `Dockerfile`, a path, or `docker://image`. */
      readonly image: string;
      readonly entrypoint?: string;
      readonly preEntrypoint?: string;
      readonly preIf?: Condition;
      readonly postEntrypoint?: string;
      readonly postIf?: Condition;
      readonly args?: readonly Template[];
      readonly env?: MappingTemplate;
    };
