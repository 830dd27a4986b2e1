/** What jobs wrote to GITHUB_STEP_SUMMARY. */
export interface Summaries {
  /** Keeps the summary of a step; a later one replaces it. @param step position of the step, from 0 */
  put(taskId: number, step: number, text: string): Promise<void>;
}
