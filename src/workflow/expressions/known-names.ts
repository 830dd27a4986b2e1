/** Names that an expression may use; by default every context and function that any place of a workflow offers. */
export interface KnownNames {
  /** Compared without regard to case. */
  readonly contexts?: readonly string[];
  /** Status functions beside the general ones. */
  readonly functions?: readonly string[];
}

/** How many arguments a function takes. */
export interface Arity {
  readonly min: number;
  readonly max: number;
  /** Only odd numbers of arguments. */
  readonly odd?: true;
}

/** Every context of GitHub Actions, and the names under which Gitea and Forgejo offer `github`. */
export const CONTEXTS: readonly string[] = [
  ...["github", "gitea", "forge", "forgejo", "inputs", "vars", "needs", "strategy", "matrix"],
  ...["secrets", "steps", "job", "jobs", "runner", "env"],
];

/** Functions whose result depends on where the expression stands. */
export const STATUS_FUNCTIONS: readonly string[] = ["success", "failure", "cancelled", "always"];

/** Functions of the language, by lower-case name. */
export const FUNCTIONS: ReadonlyMap<string, Arity> = new Map<string, Arity>([
  ["contains", { min: 2, max: 2 }],
  ["startswith", { min: 2, max: 2 }],
  ["endswith", { min: 2, max: 2 }],
  ["format", { min: 1, max: 255 }],
  ["join", { min: 1, max: 2 }],
  ["tojson", { min: 1, max: 1 }],
  ["fromjson", { min: 1, max: 1 }],
  ["hashfiles", { min: 1, max: 255 }],
  ["case", { min: 3, max: 255, odd: true }],
  ["success", { min: 0, max: 255 }],
  ["failure", { min: 0, max: 255 }],
  ["cancelled", { min: 0, max: 0 }],
  ["always", { min: 0, max: 0 }],
]);
