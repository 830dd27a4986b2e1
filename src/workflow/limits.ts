/** Most jobs of a workflow, and of a run with its legs and called jobs, as on GitHub and Gitea; keeps searches short, too. */
export const MAX_JOBS = 256;
