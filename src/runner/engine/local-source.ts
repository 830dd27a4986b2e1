import { AppError } from "../../lib/errors.ts";
import type { JobRun } from "./job-run.ts";

/** In a git work tree: what git does not ignore, with `.git` itself; else everything. Arguments: source, workspace. */
const COPY = `
cd "$1" || exit 1
if git rev-parse --is-inside-work-tree >/dev/null 2>&1 && [ -d .git ]; then
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -e "$file" ] || [ -L "$file" ] && printf '%s\\0' "$file"
  done | tar --null --no-recursion --files-from=- -cf - | tar -xf - -C "$2" || exit 1
  cp -a .git "$2/"
else
  cp -a . "$2/"
fi
`;

/** Fills the workspace with the files of a folder of this machine. @throws AppError unavailable when that fails */
export async function copyLocalSource({ parts }: JobRun, source: string): Promise<void> {
  const { environment, control } = parts;
  const lines: string[] = [];
  const exit = await environment.exec(
    {
      argv: ["bash", "-c", COPY, "copy", source, environment.paths.workspace],
      cwd: environment.paths.workspace,
      env: {},
    },
    { signal: control.stopping, output: (line) => void lines.push(line) },
  );
  if (exit.kind === "exited" && exit.code === 0) return;
  if (exit.kind === "killed") throw new AppError("cancelled", "the copy of the local folder was stopped");
  const reason = exit.kind === "not-started" ? exit.error.message : (lines.at(-1) ?? `exit code ${exit.code}`);
  throw new AppError("unavailable", `the files of ${source} could not be copied into the workspace: ${reason}`);
}
