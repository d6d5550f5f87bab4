// Gates a CI job: go run ./examples/gate URL OBJECTIVE…, as `ttft:p99 < 500ms`. Exit code 0: all are kept, by figures that can be used.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"assay"
	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

const spec = `{
  "models": ["mock"],
  "target": {"urls": [{"url": %q}]},
  "endpoint": {"type": "chat", "streaming": true},
  "dataset": {"synthetic": {"inputTokens": {"mean": 32}, "outputTokens": {"mean": 8}}},
  "phases": [{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 4}, "stop": {"requestCount": 50}}]
}`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	isGood, err := gate(ctx, os.Args[1], os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	for _, detail := range status.Convert(err).Details() {
		// What makes no sense is not what failed.
		if _, isWrong := detail.(*errdetails.BadRequest); isWrong {
			os.Exit(2)
		}
	}
	if err != nil || !isGood {
		os.Exit(1)
	}
}

func gate(ctx context.Context, url string, objectives []string) (bool, error) {
	suite, err := assay.Connect(assay.Reach{})
	if err != nil {
		return false, err
	}
	defer suite.Close()
	parsed := &common.RunSpec{}
	if err := protojson.Unmarshal(fmt.Appendf(nil, spec, url), parsed); err != nil {
		return false, err
	}
	parsed.Objectives = objectives
	run := suite.Run(parsed, assay.RunOptions{})
	for _, err := range run.Progress(ctx) {
		if err != nil {
			return false, err
		}
	}
	summary, err := run.Summary(ctx)
	if err != nil {
		return false, err
	}
	verdict := summary.Verdict.GetVerdict()
	isGood := run.Now.State == controller.RunState_RUN_STATE_COMPLETED && verdict != records.Verdict_VERDICT_INVALID
	for _, reason := range summary.Verdict.GetReasons() {
		fmt.Printf("%s: %s\n", verdict, reason)
	}
	for _, phase := range summary.Phases {
		for _, outcome := range phase.Objectives {
			word := "kept"
			if !outcome.IsKept {
				word, isGood = "not kept", false
			}
			fmt.Printf("%s: %s (%g %s)\n", word, outcome.Text, outcome.GetValue(), outcome.Unit)
		}
	}
	return isGood, nil
}
