"""A runner made from our .proto by other hands: grpcio over h2c at the root path.

It registers, runs one task by pretending, and prints one JSON object per event.
Environment: INTEROP_ADDRESS (host:port), INTEROP_NAME, INTEROP_TOKEN (registration token).
The modules ping.v1 and runner.v1 are made from proto/ by test/interop/interop.test.ts and are not committed.
"""

import json
import os

import grpc
from ping.v1 import messages_pb2 as ping
from ping.v1 import services_pb2_grpc as ping_services
from runner.v1 import messages_pb2 as messages
from runner.v1 import services_pb2_grpc as services

ROWS = 250


def emit(**event):
    print(json.dumps(event), flush=True)


def fetch(client, identity):
    """Polls until there is a task."""
    version = 0
    while True:
        reply = client.FetchTask(messages.FetchTaskRequest(tasks_version=version), metadata=identity, timeout=5)
        if reply.HasField("task"):
            emit(
                event="fetched",
                task=str(reply.task.id),
                version=str(reply.tasks_version),
                payload=reply.task.workflow_payload.decode(),
                secrets=len(reply.task.secrets),
                repository=reply.task.context["repository"],
            )
            return reply.task
        version = reply.tasks_version


def perform(client, identity, task, name):
    """Reports the task as running, sends its log in pieces of 100 rows, then its result."""
    state = messages.TaskState(id=task.id, steps=[messages.StepState(id=0)])
    state.started_at.GetCurrentTime()
    state.steps[0].started_at.GetCurrentTime()
    client.UpdateTask(messages.UpdateTaskRequest(state=state), metadata=identity)

    acked = 0
    while acked < ROWS:
        piece = messages.UpdateLogRequest(task_id=task.id, index=acked)
        for row in range(acked, min(acked + 100, ROWS)):
            piece.rows.add(content=f"{name} row {row}").time.GetCurrentTime()
        acked = client.UpdateLog(piece, metadata=identity).ack_index
    reply = client.UpdateLog(
        messages.UpdateLogRequest(task_id=task.id, index=acked, no_more=True), metadata=identity
    )
    emit(event="logged", ack=str(reply.ack_index))

    state.result = messages.RESULT_SUCCESS
    state.stopped_at.GetCurrentTime()
    state.steps[0].result = messages.RESULT_SUCCESS
    state.steps[0].log_length = acked
    state.steps[0].stopped_at.GetCurrentTime()
    final = client.UpdateTask(
        messages.UpdateTaskRequest(state=state, outputs={"who": name}), metadata=identity
    )
    emit(
        event="finished",
        result=messages.Result.Name(final.state.result).removeprefix("RESULT_"),
        outputs=list(final.sent_outputs),
    )


def main():
    name = os.environ["INTEROP_NAME"]
    with grpc.insecure_channel(os.environ["INTEROP_ADDRESS"]) as channel:
        pong = ping_services.PingServiceStub(channel).Ping(ping.PingRequest(data=name), timeout=20)
        emit(event="pong", data=pong.data)
        client = services.RunnerServiceStub(channel)
        try:
            wrong = (("x-runner-uuid", "00000000-0000-4000-8000-000000000000"), ("x-runner-token", "wrong"))
            client.FetchTask(messages.FetchTaskRequest(), metadata=wrong, timeout=5)
            emit(event="refused", code="OK", message="")
        except grpc.RpcError as error:
            # The spelling of grpc-go, so that one test reads both.
            code = error.code().name.title().replace("_", "")
            emit(event="refused", code=code, message=error.details())

        runner = client.Register(
            messages.RegisterRequest(
                name=name,
                token=os.environ["INTEROP_TOKEN"],
                version="interop",
                labels=[name],
                capabilities=["cancelling"],
            ),
            timeout=20,
        ).runner
        emit(event="registered", uuid=runner.uuid, name=runner.name, labels=list(runner.labels))
        identity = (("x-runner-uuid", runner.uuid), ("x-runner-token", runner.token))
        declared = client.Declare(
            messages.DeclareRequest(version="interop", labels=[name]), metadata=identity, timeout=20
        )
        emit(event="declared", labels=list(declared.runner.labels))
        perform(client, identity, fetch(client, identity), name)


if __name__ == "__main__":
    main()
