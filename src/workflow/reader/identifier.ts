import type { Range } from "../diagnostic.ts";
import type { Findings } from "./findings.ts";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const MAX_LENGTH = 100;

/** Checks the id of a job or step as GitHub does. */
export function checkIdentifier(id: string, range: Range, findings: Findings): boolean {
  if (!IDENTIFIER.test(id) || id.length > MAX_LENGTH) {
    const message = `The identifier '${id}' is invalid: use letters, digits, '_' and '-', start with a letter or '_', at most 100 characters`;
    findings.error("bad-identifier", message, range);
    return false;
  }
  if (id.startsWith("__")) {
    findings.error("bad-identifier", `The identifier '${id}' is invalid: ids starting with '__' are reserved`, range);
    return false;
  }
  return true;
}
