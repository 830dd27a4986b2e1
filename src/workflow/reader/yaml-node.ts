import type { Range } from "../diagnostic.ts";

/** A piece of a YAML file with its place; anchors, aliases and merge keys are already resolved. */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;

/** A scalar with the value that the YAML 1.2 core schema gives it. */
export interface YamlScalar {
  readonly kind: "scalar";
  readonly value: null | boolean | number | string;
  readonly range: Range;
}

/** A list. */
interface YamlSequence {
  readonly kind: "sequence";
  readonly items: readonly YamlNode[];
  readonly range: Range;
}

/** A mapping in file order; keys are scalars. */
export interface YamlMapping {
  readonly kind: "mapping";
  readonly entries: readonly YamlEntry[];
  readonly range: Range;
}

/** One key of a mapping. */
export interface YamlEntry {
  readonly key: YamlScalar;
  readonly value: YamlNode;
}
