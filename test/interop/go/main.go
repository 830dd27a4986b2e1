// Command interop is a runner made from our .proto by other hands: grpc-go over h2c at the root path.
// It registers, runs one task by pretending, and prints one JSON object per event.
//
// Environment: INTEROP_ADDRESS (host:port), INTEROP_NAME, INTEROP_TOKEN (registration token).
// The packages below gen/ are made from proto/ by test/interop/interop.test.ts and are not committed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pingv1 "github.com/act-runner-ts/act-runner-ts/gen/go/ping/v1"
	runnerv1 "github.com/act-runner-ts/act-runner-ts/gen/go/runner/v1"
)

const rows = 250

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Getenv("INTEROP_ADDRESS"), os.Getenv("INTEROP_NAME"), os.Getenv("INTEROP_TOKEN")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, name, token string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	pong, err := pingv1.NewPingServiceClient(conn).Ping(ctx, &pingv1.PingRequest{Data: name})
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	emit(map[string]any{"event": "pong", "data": pong.Data})

	client := runnerv1.NewRunnerServiceClient(conn)
	_, err = client.FetchTask(identity(ctx, "00000000-0000-4000-8000-000000000000", "wrong"), &runnerv1.FetchTaskRequest{})
	emit(map[string]any{"event": "refused", "code": status.Code(err).String(), "message": status.Convert(err).Message()})

	registered, err := client.Register(ctx, &runnerv1.RegisterRequest{
		Name: name, Token: token, Version: "interop", Labels: []string{name}, Capabilities: []string{"cancelling"},
	})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	runner := registered.Runner
	emit(map[string]any{"event": "registered", "uuid": runner.Uuid, "name": runner.Name, "labels": runner.Labels})
	ctx = identity(ctx, runner.Uuid, runner.Token)
	declared, err := client.Declare(ctx, &runnerv1.DeclareRequest{Version: "interop", Labels: []string{name}})
	if err != nil {
		return fmt.Errorf("declare: %w", err)
	}
	emit(map[string]any{"event": "declared", "labels": declared.Runner.Labels})
	task, err := fetch(ctx, client)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return perform(ctx, client, task, name)
}

// fetch polls until there is a task.
func fetch(ctx context.Context, client runnerv1.RunnerServiceClient) (*runnerv1.Task, error) {
	version := int64(0)
	for {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		reply, err := client.FetchTask(call, &runnerv1.FetchTaskRequest{TasksVersion: version})
		cancel()
		if err != nil {
			return nil, err
		}
		if task := reply.Task; task != nil {
			emit(map[string]any{
				"event": "fetched", "task": fmt.Sprint(task.Id), "version": fmt.Sprint(reply.TasksVersion),
				"payload": string(task.WorkflowPayload), "secrets": len(task.Secrets),
				"repository": task.Context.GetFields()["repository"].GetStringValue(),
			})
			return task, nil
		}
		version = reply.TasksVersion
	}
}

// perform reports the task as running, sends its log in pieces of 100 rows, then its result.
func perform(ctx context.Context, client runnerv1.RunnerServiceClient, task *runnerv1.Task, name string) error {
	now := timestamppb.Now()
	state := &runnerv1.TaskState{Id: task.Id, StartedAt: now, Steps: []*runnerv1.StepState{{Id: 0, StartedAt: now}}}
	if _, err := client.UpdateTask(ctx, &runnerv1.UpdateTaskRequest{State: state}); err != nil {
		return fmt.Errorf("update task: %w", err)
	}
	acked := int64(0)
	for acked < rows {
		piece := &runnerv1.UpdateLogRequest{TaskId: task.Id, Index: acked}
		for row := acked; row < min(acked+100, rows); row++ {
			piece.Rows = append(piece.Rows, &runnerv1.LogRow{Time: timestamppb.Now(), Content: fmt.Sprintf("%s row %d", name, row)})
		}
		reply, err := client.UpdateLog(ctx, piece)
		if err != nil {
			return fmt.Errorf("update log: %w", err)
		}
		acked = reply.AckIndex
	}
	reply, err := client.UpdateLog(ctx, &runnerv1.UpdateLogRequest{TaskId: task.Id, Index: acked, NoMore: true})
	if err != nil {
		return fmt.Errorf("end of log: %w", err)
	}
	emit(map[string]any{"event": "logged", "ack": fmt.Sprint(reply.AckIndex)})

	state.Result, state.StoppedAt = runnerv1.Result_RESULT_SUCCESS, timestamppb.Now()
	step := state.Steps[0]
	step.Result, step.StoppedAt, step.LogLength = runnerv1.Result_RESULT_SUCCESS, state.StoppedAt, acked
	final, err := client.UpdateTask(ctx, &runnerv1.UpdateTaskRequest{State: state, Outputs: map[string]string{"who": name}})
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	emit(map[string]any{
		"event": "finished", "result": strings.TrimPrefix(final.State.Result.String(), "RESULT_"), "outputs": final.SentOutputs,
	})
	return nil
}

func identity(ctx context.Context, uuid, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-runner-uuid", uuid, "x-runner-token", token)
}

func emit(event map[string]any) {
	_ = json.NewEncoder(os.Stdout).Encode(event)
}
