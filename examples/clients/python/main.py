"""A small runner made from our .proto with grpcio.

It registers, takes tasks from a stream (or by polling, where the server has no streams), runs them, stops one that is
cancelled, and reports. Begin with it when you write a runner of your own; `work_on` is the place for what yours does.

Environment: RUNNER_ADDRESS (host:port, no TLS), RUNNER_NAME (also its one label); RUNNER_TASKS (how many to run,
default 1); RUNNER_REGISTRATION_TOKEN, or RUNNER_UUID and RUNNER_TOKEN of a runner that is registered already;
RUNNER_POLL=1 to poll in any case. It prints one JSON object per event.

The modules ping.v1, runner.v1 and actrunner.v1 are made from proto/; docs/protocol.md says how.
"""

import json
import os
import sys
import threading
import time

import grpc
from actrunner.v1 import task_stream_pb2 as stream_messages
from actrunner.v1 import task_stream_pb2_grpc as stream_services
from ping.v1 import messages_pb2 as ping
from ping.v1 import services_pb2_grpc as ping_services
from runner.v1 import messages_pb2 as messages
from runner.v1 import services_pb2_grpc as services

NAME = os.environ["RUNNER_NAME"]
# Deadline of a unary call, in seconds; a server that parks polls answers before it.
CALL_TIMEOUT = 20
# How long to wait before a call or a stream is tried again. A real runner adds jitter and backs off.
PAUSE = 1
# How often a running task is reported at least; the server gives it up after 120 s of silence.
HEARTBEAT = 20


def emit(**event):
    # In one write: threads print at the same time.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class Runner:
    """Does one task at a time."""

    def __init__(self, channel, identity):
        self.client = services.RunnerServiceStub(channel)
        self.streams = stream_services.TaskStreamServiceStub(channel)
        # Every call but Ping and Register says who it is.
        self.identity = identity
        self.held = None
        self.cancelled = threading.Event()
        self.worker = None
        self.started = 0
        # The failure that ended a task's thread.
        self.failure = None

    def take(self, count, poll):
        """Runs so many tasks: from a stream while there is one, else by polling."""
        while self.started < count or self.held is not None:
            if poll:
                self.poll_one()
                continue
            try:
                self.read_stream(count)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNIMPLEMENTED:  # Gitea, Forgejo
                    poll = True
                elif error.code() == grpc.StatusCode.UNAUTHENTICATED:  # final: this runner is not known any more
                    raise
                else:  # everything else may pass
                    emit(event="broken", code=error.code().name, message=error.details())
                    time.sleep(PAUSE)

    def read_stream(self, count):
        """Opens a stream and takes what it brings, until `count` tasks have ended or the stream does."""
        held = [self.held] if self.held is not None else []
        request = stream_messages.StreamTasksRequest(capacity=1, held_task_ids=held)
        stream = self.streams.StreamTasks(request, metadata=self.identity)
        # The end of the last task ends the stream.
        self.on_end = lambda: self.started < count or self.held is not None or stream.cancel()
        self.on_end()
        try:
            for message in stream:
                kind = message.WhichOneof("message")
                if kind == "offer":
                    self.start(message.offer.task)
                elif kind == "cancel":
                    emit(event="cancel", task=str(message.cancel.task_id), ended=message.cancel.ended)
                    self.stop(message.cancel.task_id)
                elif kind == "goaway":
                    reason = stream_messages.GoAway.Reason.Name(message.goaway.reason)
                    emit(event="goaway", reason=reason)
                    if reason == "REASON_REPLACED":
                        raise RuntimeError("another process uses the same identity")
                    # The task goes on; the caller opens the next stream.
                    time.sleep(message.goaway.reconnect_after_ms / 1000)
                    return
                elif kind == "keep_alive":
                    emit(event="alive")
            # It ended without a word.
            time.sleep(PAUSE)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                raise
        finally:
            stream.cancel()
        if self.failure is not None:
            raise self.failure

    def poll_one(self):
        """Asks until there is a task, and runs it."""
        version = 0
        self.on_end = lambda: None
        while True:
            reply = self.repeated(self.client.FetchTask, messages.FetchTaskRequest(tasks_version=version))
            if reply.HasField("task"):
                self.start(reply.task)
                self.worker.join()
                if self.failure is not None:
                    raise self.failure
                return
            version = reply.tasks_version

    def start(self, task):
        """Begins a task, unless one runs already: an offer may come twice."""
        if self.held is not None:
            return
        emit(
            event="task",
            task=str(task.id),
            payload=task.workflow_payload.decode(),
            repository=task.context["repository"],
            secrets=len(task.secrets),
        )
        self.held, self.started = task.id, self.started + 1
        self.cancelled.clear()
        self.worker = threading.Thread(target=self.perform, args=(task,))
        self.worker.start()

    def stop(self, task_id):
        if self.held == task_id:
            self.cancelled.set()

    def perform(self, task):
        try:
            self.do(task)
        except grpc.RpcError as error:
            self.failure = error
        finally:
            self.held = None
            self.on_end()

    def do(self, task):
        """Acknowledges a task, sends its rows while it works, then the end of the log, then the result."""
        state = messages.TaskState(id=task.id, steps=[messages.StepState(id=0)])
        step = state.steps[0]
        state.started_at.GetCurrentTime()
        step.started_at.CopyFrom(state.started_at)
        # Within 10 s, or the task is offered again: this is the acknowledgement.
        self.update(state)

        acked, reported = 0, time.monotonic()
        for lines in work_on(task, self.cancelled):
            acked = self.log(task.id, acked, lines)
            if time.monotonic() - reported > HEARTBEAT:
                self.update(state)
                reported = time.monotonic()
        self.log(task.id, acked, [], no_more=True)
        emit(event="logged", ack=str(acked))

        # Only now: the result comes after the last row.
        state.result = messages.RESULT_CANCELLED if self.cancelled.is_set() else messages.RESULT_SUCCESS
        state.stopped_at.GetCurrentTime()
        step.result, step.log_length = state.result, acked
        step.stopped_at.CopyFrom(state.stopped_at)
        self.update(state)

    def update(self, state):
        """Reports a task's state, and stops the task when the server says so: what a stream tells by `cancel` is in
        this answer, too."""
        ended = state.result != messages.RESULT_UNSPECIFIED
        request = messages.UpdateTaskRequest(state=state, outputs={"who": NAME} if ended else {})
        reply = self.repeated(self.client.UpdateTask, request)
        result = messages.Result.Name(reply.state.result).removeprefix("RESULT_")
        if ended:
            emit(event="finished", result=result, outputs=list(reply.sent_outputs))
        elif result == "CANCELLED":
            self.stop(state.id)

    def log(self, task_id, acked, lines, no_more=False):
        """Sends rows until all of them are on the server's disk; returns the number of the next one."""
        rows = []
        for line in lines:
            row = messages.LogRow(content=line)
            row.time.GetCurrentTime()
            rows.append(row)
        while True:
            request = messages.UpdateLogRequest(task_id=task_id, index=acked, rows=rows, no_more=no_more)
            taken = min(self.repeated(self.client.UpdateLog, request).ack_index - acked, len(rows))
            acked, rows = acked + taken, rows[taken:]
            if not rows:
                return acked

    def repeated(self, call, request):
        """Makes a call until it succeeds: a fault may pass, and a repeated call does no harm. Only the answer that the
        runner is not known is final."""
        while True:
            try:
                return call(request, metadata=self.identity, timeout=CALL_TIMEOUT)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                    raise
                time.sleep(PAUSE)


def work_on(task, cancelled):
    """Where your runner does the job that task.workflow_payload describes; gives lines, several at a time.

    This one says 250 rows, and goes on until it is cancelled where the payload says so.
    """
    for first in range(0, 250, 100):
        yield [f"{NAME} row {row}" for row in range(first, min(first + 100, 250))]
    row = 250
    while b"endless" in task.workflow_payload and not cancelled.wait(0.05):
        yield [f"{NAME} row {row}"]
        row += 1


def main():
    with grpc.insecure_channel(os.environ["RUNNER_ADDRESS"]) as channel:
        pong = ping_services.PingServiceStub(channel).Ping(ping.PingRequest(data=NAME), timeout=CALL_TIMEOUT)
        emit(event="pong", data=pong.data)
        client = services.RunnerServiceStub(channel)
        uuid, token = os.environ.get("RUNNER_UUID", ""), os.environ.get("RUNNER_TOKEN", "")
        if not uuid:
            request = messages.RegisterRequest(
                name=NAME, token=os.environ["RUNNER_REGISTRATION_TOKEN"], version="example", labels=[NAME]
            )
            runner = client.Register(request, timeout=CALL_TIMEOUT).runner
            # A real runner keeps both in a file that only it can read.
            uuid, token = runner.uuid, runner.token
            emit(event="registered", uuid=uuid, name=runner.name, labels=list(runner.labels))
        identity = (("x-runner-uuid", uuid), ("x-runner-token", token))
        # "cancelling": this runner ends a cancelled task by itself and reports its result.
        request = messages.DeclareRequest(version="example", labels=[NAME], capabilities=["cancelling"])
        declared = client.Declare(request, metadata=identity, timeout=CALL_TIMEOUT).runner
        emit(event="declared", labels=list(declared.labels))
        count = int(os.environ.get("RUNNER_TASKS") or 1)
        Runner(channel, identity).take(count, poll=bool(os.environ.get("RUNNER_POLL")))


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        # The spelling of grpc-go.
        emit(event="failed", code=error.code().name.title().replace("_", ""), message=error.details())
        sys.exit(1)
