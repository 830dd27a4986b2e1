/** An expression with the source text it was read from (without `${{ }}`). */
export interface Expression {
  readonly source: string;
  readonly root: ExpressionNode;
}

/** Comparison operators. */
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** A node of an expression's tree. `&&` and `||` chains are one node with all operands. */
export type ExpressionNode =
  | { readonly kind: "literal"; readonly value: null | boolean | number | string }
  /** A context such as `github`; `name` as spelt. */
  | { readonly kind: "context"; readonly name: string }
  | { readonly kind: "index"; readonly target: ExpressionNode; readonly index: ExpressionNode }
  /** `.*` or `[*]`. */
  | { readonly kind: "star"; readonly target: ExpressionNode }
  | { readonly kind: "not"; readonly operand: ExpressionNode }
  | {
      readonly kind: "compare";
      readonly operator: Comparison;
      readonly left: ExpressionNode;
      readonly right: ExpressionNode;
    }
  | { readonly kind: "and" | "or"; readonly operands: readonly ExpressionNode[] }
  /** A function call; `name` in lower case. */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly ExpressionNode[] };

/** The nodes directly below a node. */
export function childrenOf(node: ExpressionNode): readonly ExpressionNode[] {
  switch (node.kind) {
    case "literal":
    case "context":
      return [];
    case "index":
      return [node.target, node.index];
    case "star":
      return [node.target];
    case "not":
      return [node.operand];
    case "compare":
      return [node.left, node.right];
    case "and":
    case "or":
      return node.operands;
    case "call":
      return node.args;
  }
}

/** Whether a node, or one below it, satisfies `test`. */
export function someNode(node: ExpressionNode, test: (node: ExpressionNode) => boolean): boolean {
  return test(node) || childrenOf(node).some((child) => someNode(child, test));
}
