// Command runner is a small runner made from our .proto with grpc-go: it registers, takes tasks from a stream (or by
// polling, where the server has no streams), runs them, stops one that is cancelled, and reports. Begin with it when you
// write a runner of your own; `work` is the place for what yours does.
//
// Environment: RUNNER_ADDRESS (host:port, no TLS), RUNNER_NAME (also its one label); RUNNER_TASKS (how many to run,
// default 1); RUNNER_REGISTRATION_TOKEN, or RUNNER_UUID and RUNNER_TOKEN of a runner that is registered already;
// RUNNER_POLL=1 to poll in any case. It prints one JSON object per event.
//
// The packages below gen/ are made from proto/; docs/protocol.md says how.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	actrunnerv1 "github.com/act-runner-ts/act-runner-ts/gen/go/actrunner/v1"
	pingv1 "github.com/act-runner-ts/act-runner-ts/gen/go/ping/v1"
	runnerv1 "github.com/act-runner-ts/act-runner-ts/gen/go/runner/v1"
)

// callTimeout is the deadline of a unary call; a server that parks polls answers before it.
const callTimeout = 20 * time.Second

// pause is how long to wait before a call or a stream is tried again. A real runner adds jitter and backs off.
const pause = time.Second

// heartbeat is how often a running task is reported at least; the server gives it up after 120 s of silence.
const heartbeat = 20 * time.Second

func main() {
	if err := run(context.Background()); err != nil {
		emit(map[string]any{"event": "failed", "code": status.Code(err).String(), "message": status.Convert(err).Message()})
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	name := os.Getenv("RUNNER_NAME")
	conn, err := grpc.NewClient(os.Getenv("RUNNER_ADDRESS"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	pong, err := pingv1.NewPingServiceClient(conn).Ping(ctx, &pingv1.PingRequest{Data: name})
	if err != nil {
		return err
	}
	emit(map[string]any{"event": "pong", "data": pong.Data})

	client := runnerv1.NewRunnerServiceClient(conn)
	uuid, token := os.Getenv("RUNNER_UUID"), os.Getenv("RUNNER_TOKEN")
	if uuid == "" {
		reply, err := client.Register(ctx, &runnerv1.RegisterRequest{
			Name: name, Token: os.Getenv("RUNNER_REGISTRATION_TOKEN"), Version: "example", Labels: []string{name},
		})
		if err != nil {
			return err
		}
		// A real runner keeps both in a file that only it can read.
		uuid, token = reply.Runner.Uuid, reply.Runner.Token
		emit(map[string]any{"event": "registered", "uuid": uuid, "name": reply.Runner.Name, "labels": reply.Runner.Labels})
	}
	// Every further call says who it is.
	ctx = metadata.AppendToOutgoingContext(ctx, "x-runner-uuid", uuid, "x-runner-token", token)
	// "cancelling": this runner ends a cancelled task by itself and reports its result.
	declared, err := client.Declare(ctx, &runnerv1.DeclareRequest{
		Version: "example", Labels: []string{name}, Capabilities: []string{"cancelling"},
	})
	if err != nil {
		return err
	}
	emit(map[string]any{"event": "declared", "labels": declared.Runner.Labels})

	count, err := strconv.Atoi(cmp.Or(os.Getenv("RUNNER_TASKS"), "1"))
	if err != nil {
		return fmt.Errorf("RUNNER_TASKS: %w", err)
	}
	r := &runner{client: client, streams: actrunnerv1.NewTaskStreamServiceClient(conn), done: make(chan error, 1)}
	return r.take(ctx, count, os.Getenv("RUNNER_POLL") != "")
}

// runner does one task at a time.
type runner struct {
	client  runnerv1.RunnerServiceClient
	streams actrunnerv1.TaskStreamServiceClient

	// done gets the end of the task that runs.
	done chan error

	mu      sync.Mutex
	held    int64              // id of the task that runs, or 0
	cancel  context.CancelFunc // ends it
	started int
}

// take runs so many tasks: from a stream while there is one, else by polling.
func (r *runner) take(ctx context.Context, count int, poll bool) error {
	for r.started < count || r.holds() != 0 {
		if poll {
			if err := r.pollOne(ctx); err != nil {
				return err
			}
			continue
		}
		err := r.readStream(ctx, count)
		switch {
		case err == nil:
		case status.Code(err) == codes.Unimplemented: // Gitea, Forgejo
			poll = true
		case status.Code(err) == codes.Unauthenticated: // final: this runner is not known any more
			return err
		default: // everything else may pass
			emit(map[string]any{"event": "broken", "code": status.Code(err).String(), "message": status.Convert(err).Message()})
			time.Sleep(pause)
		}
	}
	return nil
}

// readStream opens a stream and takes what it brings, until `count` tasks have ended or the stream does.
func (r *runner) readStream(ctx context.Context, count int) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	request := &actrunnerv1.StreamTasksRequest{Capacity: 1}
	if held := r.holds(); held != 0 {
		request.HeldTaskIds = []int64{held}
	}
	stream, err := r.streams.StreamTasks(ctx, request)
	if err != nil {
		return err
	}
	messages, broken := make(chan *actrunnerv1.StreamTasksResponse), make(chan error, 1)
	go func() {
		for {
			message, err := stream.Recv()
			if err != nil {
				broken <- err
				return
			}
			select {
			case messages <- message:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case err := <-r.done:
			if err != nil || r.started == count {
				return err
			}
		case err := <-broken:
			return err
		case message := <-messages:
			switch kind := message.Message.(type) {
			case *actrunnerv1.StreamTasksResponse_Offer:
				r.start(ctx, kind.Offer.Task)
			case *actrunnerv1.StreamTasksResponse_Cancel:
				emit(map[string]any{"event": "cancel", "task": fmt.Sprint(kind.Cancel.TaskId), "ended": kind.Cancel.Ended})
				r.stop(kind.Cancel.TaskId)
			case *actrunnerv1.StreamTasksResponse_Goaway:
				emit(map[string]any{"event": "goaway", "reason": kind.Goaway.Reason.String()})
				if kind.Goaway.Reason == actrunnerv1.GoAway_REASON_REPLACED {
					return errors.New("another process uses the same identity")
				}
				// The task goes on; the caller opens the next stream.
				time.Sleep(time.Duration(kind.Goaway.ReconnectAfterMs) * time.Millisecond)
				return nil
			case *actrunnerv1.StreamTasksResponse_KeepAlive:
				emit(map[string]any{"event": "alive"})
			}
		}
	}
}

// pollOne asks until there is a task, and runs it.
func (r *runner) pollOne(ctx context.Context) error {
	version := int64(0)
	for {
		reply, err := repeated(ctx, func(call context.Context) (*runnerv1.FetchTaskResponse, error) {
			return r.client.FetchTask(call, &runnerv1.FetchTaskRequest{TasksVersion: version})
		})
		if err != nil {
			return err
		}
		if reply.Task != nil {
			r.start(ctx, reply.Task)
			return <-r.done
		}
		version = reply.TasksVersion
	}
}

// start begins a task, unless it runs already: an offer may come twice.
func (r *runner) start(ctx context.Context, task *runnerv1.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != 0 {
		return
	}
	emit(map[string]any{
		"event": "task", "task": fmt.Sprint(task.Id), "payload": string(task.WorkflowPayload),
		"repository": task.Context.GetFields()["repository"].GetStringValue(), "secrets": len(task.Secrets),
	})
	// Reports outlive a cancel, and the stream.
	report := context.WithoutCancel(ctx)
	work, cancel := context.WithCancel(report)
	r.held, r.cancel, r.started = task.Id, cancel, r.started+1
	go func() {
		defer cancel()
		err := r.perform(work, report, task)
		r.mu.Lock()
		r.held = 0
		r.mu.Unlock()
		r.done <- err
	}()
}

func (r *runner) stop(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == id {
		r.cancel()
	}
}

func (r *runner) holds() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// perform does a whole task: acknowledges it, sends its rows while it works, then the end of the log, then the result.
func (r *runner) perform(work, report context.Context, task *runnerv1.Task) error {
	now := timestamppb.Now()
	step := &runnerv1.StepState{Id: 0, StartedAt: now}
	state := &runnerv1.TaskState{Id: task.Id, StartedAt: now, Steps: []*runnerv1.StepState{step}}
	// Within 10 s, or the task is offered again: this is the acknowledgement.
	if err := r.update(report, state); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	lines, acked := workOn(work, task), int64(0)
	for lines != nil {
		select {
		case <-beat.C:
			if err := r.update(report, state); err != nil {
				return err
			}
		case line, open := <-lines:
			if !open {
				lines = nil
				break
			}
			if err := r.log(report, task.Id, &acked, batch(line, lines), false); err != nil {
				return err
			}
		}
	}
	if err := r.log(report, task.Id, &acked, nil, true); err != nil {
		return err
	}
	emit(map[string]any{"event": "logged", "ack": fmt.Sprint(acked)})

	// Only now: the result comes after the last row.
	state.Result, state.StoppedAt = runnerv1.Result_RESULT_SUCCESS, timestamppb.Now()
	if work.Err() != nil {
		state.Result = runnerv1.Result_RESULT_CANCELLED
	}
	step.Result, step.StoppedAt, step.LogLength = state.Result, state.StoppedAt, acked
	return r.update(report, state)
}

// update reports a task's state until the server has taken it, and stops the task when the server says so: what a stream
// tells by `cancel` is in this answer, too.
func (r *runner) update(ctx context.Context, state *runnerv1.TaskState) error {
	ended := state.Result != runnerv1.Result_RESULT_UNSPECIFIED
	request := &runnerv1.UpdateTaskRequest{State: state}
	if ended {
		request.Outputs = map[string]string{"who": os.Getenv("RUNNER_NAME")}
	}
	reply, err := repeated(ctx, func(call context.Context) (*runnerv1.UpdateTaskResponse, error) {
		return r.client.UpdateTask(call, request)
	})
	if err != nil {
		return err
	}
	result := reply.State.Result
	if ended {
		emit(map[string]any{
			"event": "finished", "result": strings.TrimPrefix(result.String(), "RESULT_"), "outputs": reply.SentOutputs,
		})
	} else if result == runnerv1.Result_RESULT_CANCELLED {
		r.stop(state.Id)
	}
	return nil
}

// log sends rows until all of them are on the server's disk; `acked` is the number of the next one.
func (r *runner) log(ctx context.Context, task int64, acked *int64, rows []*runnerv1.LogRow, noMore bool) error {
	for {
		request := &runnerv1.UpdateLogRequest{TaskId: task, Index: *acked, Rows: rows, NoMore: noMore}
		reply, err := repeated(ctx, func(call context.Context) (*runnerv1.UpdateLogResponse, error) {
			return r.client.UpdateLog(call, request)
		})
		if err != nil {
			return err
		}
		taken := min(reply.AckIndex-*acked, int64(len(rows)))
		*acked, rows = *acked+taken, rows[taken:]
		if len(rows) == 0 {
			return nil
		}
	}
}

// repeated makes a call until it succeeds: a fault may pass, and a repeated call does no harm. Only the answer that the
// runner is not known is final.
func repeated[T any](ctx context.Context, send func(context.Context) (T, error)) (T, error) {
	for {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		reply, err := send(call)
		cancel()
		if err == nil || status.Code(err) == codes.Unauthenticated {
			return reply, err
		}
		time.Sleep(pause)
	}
}

// batch puts a line and those that are there already, at most 1,000, into rows.
func batch(line string, lines <-chan string) []*runnerv1.LogRow {
	rows := []*runnerv1.LogRow{{Time: timestamppb.Now(), Content: line}}
	for len(rows) < 1000 {
		select {
		case line, open := <-lines:
			if !open {
				return rows
			}
			rows = append(rows, &runnerv1.LogRow{Time: timestamppb.Now(), Content: line})
		default:
			return rows
		}
	}
	return rows
}

// workOn is where your runner does the job that task.WorkflowPayload describes. This one says 250 rows, and goes on until
// it is cancelled where the job's name says so.
func workOn(ctx context.Context, task *runnerv1.Task) <-chan string {
	lines := make(chan string, 100)
	name := os.Getenv("RUNNER_NAME")
	endless := strings.Contains(string(task.WorkflowPayload), "endless")
	go func() {
		defer close(lines)
		for row := 0; row < 250 || endless; row++ {
			select {
			case lines <- fmt.Sprintf("%s row %d", name, row):
			case <-ctx.Done():
				return
			}
			if row >= 250 {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}()
	return lines
}

func emit(event map[string]any) {
	_ = json.NewEncoder(os.Stdout).Encode(event)
}
