/** Identity of the calling runner; every runner call but Register carries it. */
export const RUNNER_UUID_HEADER = "x-runner-uuid";
/** Secret of the calling runner. */
export const RUNNER_TOKEN_HEADER = "x-runner-token";
/** Idempotency key of FetchTask, sent by forgejo-runner 12.5 and newer. */
export const REQUEST_KEY_HEADER = "x-runner-request-key";
/** Request header of FetchTask (RFC 7240): `wait=0` asks for an answer at once; ours parks the call otherwise. */
export const PREFER_HEADER = "prefer";
/** Response header of Declare: comma separated words for what the server can do beyond the basic protocol. */
export const SERVER_CAPABILITIES_HEADER = "x-gitea-actions-capabilities";
/** Word of it: the server takes what steps wrote to GITHUB_STEP_SUMMARY. */
export const JOB_SUMMARY_CAPABILITY = "job-summary";
/** Ending of the message that tells a runner that the server no longer knows it; stock runners look for it. */
export const UNREGISTERED_RUNNER = "unregistered runner";
/** Path below an instance's address under which Gitea serves the protocol. */
export const RPC_PREFIX = "/api/actions";
/** Capability of a runner that runs `always()` steps after a cancel and reports the final result itself. */
export const CANCELLING_CAPABILITY = "cancelling";
/** Capability of a runner that stores a new token which the server tells it, and uses it from then on. */
export const TOKEN_ROTATION_CAPABILITY = "token-rotation";
/**
 * Response header of our server to Declare, with its version: it parks polls up to the caller's deadline, and it has
 * decided a job's condition before it hands the job out.
 */
export const SERVER_HEADER = "x-act-runner-server";
/** Request header of Register: a description of the runner, percent-encoded UTF-8. Gitea's message has no field for it. */
export const DESCRIPTION_HEADER = "x-act-runner-description";
