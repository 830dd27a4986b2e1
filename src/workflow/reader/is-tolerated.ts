import type { YAMLError } from "yaml";

/** Whether a mistake of YAML is only warned of: other parsers, GitHub's and Gitea's among them, take `[a]# comment`. */
export function isTolerated(error: YAMLError): boolean {
  return error.message.startsWith("Comments must be separated");
}
