import type { Template } from "./model.ts";

/** The entries of a mapping whose keys are plain, in the file's order; none of what is no mapping. */
export function entriesOf(template: Template | null | undefined): [name: string, value: Template][] {
  if (template?.kind !== "mapping") return [];
  return template.entries.flatMap(({ key, value }): [string, Template][] =>
    key.kind === "literal" ? [[String(key.value), value]] : [],
  );
}

/** The value of a plain key of a mapping. */
export function entry(template: Template | null | undefined, name: string): Template | undefined {
  return entriesOf(template).find(([key]) => key === name)?.[1];
}

/** The value of a template without expressions that is a scalar. */
export function literalOf(template: Template | undefined): null | boolean | number | string | undefined {
  return template?.kind === "literal" ? template.value : undefined;
}
