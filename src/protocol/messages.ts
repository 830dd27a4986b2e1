/** The one door to the generated code: everything else imports messages and services from here. */
export * from "../../gen/actrunner/v1/runner_status_pb.js";
export * from "../../gen/actrunner/v1/task_stream_pb.js";
export * from "../../gen/ping/v1/messages_pb.js";
export * from "../../gen/ping/v1/services_pb.js";
export * from "../../gen/runner/v1/messages_pb.js";
export * from "../../gen/runner/v1/services_pb.js";
