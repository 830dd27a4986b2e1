import { AppError } from "../lib/errors.ts";
import { repositoryPath } from "./repository-scope.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestRun } from "./rest-types.ts";

/** How many of the newest runs are searched for one whose repository is not named. */
const SEARCHED = 1_000;
const PAGE = 50;

/** A run and where it lives. */
export interface FoundRun {
  readonly run: RestRun;
  /** `/repos/{owner}/{name}/actions`. */
  readonly actions: string;
}

/** Path of the list of all runs that the token may see. */
export async function visibleActions(client: RestClient): Promise<string> {
  try {
    await client.request("GET", "/admin/actions/runs", { query: { limit: 1 } });
    return "/admin/actions";
  } catch (error) {
    if (error instanceof AppError && (error.code === "forbidden" || error.code === "not_found")) return "/user/actions";
    throw error;
  }
}

/** A run by its id; `repository` (owner/name) makes it one request. Throws `not_found`. */
export async function findRun(client: RestClient, id: number, repository: string | undefined): Promise<FoundRun> {
  if (repository !== undefined) {
    const actions = `${repositoryPath(repository)}/actions`;
    return { actions, run: await client.request<RestRun>("GET", `${actions}/runs/${id}`) };
  }
  const all = await visibleActions(client);
  for (let page = 1; page <= SEARCHED / PAGE; page += 1) {
    const runs = await runsPage(client, all, page);
    const run = runs.find((candidate) => candidate.id === id);
    if (run !== undefined) return { run, actions: actionsOf(run) };
    if (runs.length < PAGE) break;
  }
  throw new AppError(
    "not_found",
    `there is no run ${id} among the newest ${SEARCHED}: name its repository with -R owner/name`,
  );
}

/** The newest run of a repository, or of all that the token may see. Throws `not_found` where there is none. */
export async function newestRun(client: RestClient, repository: string | undefined): Promise<FoundRun> {
  const scope = repository === undefined ? await visibleActions(client) : `${repositoryPath(repository)}/actions`;
  const [run] = await client.list<RestRun>(`${scope}/runs`, "workflow_runs", { limit: 1 });
  if (run === undefined) throw new AppError("not_found", 'there are no runs yet: start one with "act-runner-ts run"');
  return { run, actions: repository === undefined ? actionsOf(run) : scope };
}

async function runsPage(client: RestClient, scope: string, page: number): Promise<readonly RestRun[]> {
  const query = { page, limit: PAGE };
  const answer = await client.request<{ workflow_runs?: readonly RestRun[] | null }>("GET", `${scope}/runs`, { query });
  return answer.workflow_runs ?? [];
}

function actionsOf(run: RestRun): string {
  if (run.repository === undefined)
    throw new AppError(
      "unavailable",
      `the server does not say the repository of run ${run.id}: name it with -R owner/name`,
    );
  return `${repositoryPath(run.repository.full_name)}/actions`;
}
