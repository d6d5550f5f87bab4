// Drives a run to its end and tells its figures: go run ./examples/drive URL.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"assay"
	common "assay/gen/assay/common/v1"

	"google.golang.org/protobuf/encoding/protojson"
)

const spec = `{
  "models": ["mock"],
  "target": {"urls": [{"url": %q}]},
  "endpoint": {"type": "chat", "streaming": true},
  "dataset": {"synthetic": {"inputTokens": {"mean": 128}, "outputTokens": {"mean": 32}}},
  "phases": [
    {"name": "warmup", "kind": "PHASE_KIND_WARMUP", "concurrency": {"limit": 4}, "stop": {"requestCount": 8}},
    {"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 4}, "stop": {"requestCount": 50}}
  ]
}`

func main() {
	// Ctrl-C ends the run.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := drive(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func drive(ctx context.Context, url string) error {
	suite, err := assay.Connect(assay.Reach{})
	if err != nil {
		return err
	}
	defer suite.Close()
	parsed := &common.RunSpec{}
	if err := protojson.Unmarshal(fmt.Appendf(nil, spec, url), parsed); err != nil {
		return err
	}
	run := suite.Run(parsed, assay.RunOptions{})
	for progress, err := range run.Progress(ctx) {
		if err != nil {
			return err
		}
		for _, event := range progress.Events {
			fmt.Println(event.Message)
		}
	}
	fmt.Println(run.ID, run.Now.State)
	summary, err := run.Summary(ctx)
	if err != nil {
		return err
	}
	for _, phase := range summary.Phases {
		for _, metric := range phase.Metrics {
			if metric.Tag == "time_to_first_token" || metric.Tag == "request_latency" {
				fmt.Printf("%s %s: p50 %v %s, p99 %v %s\n", phase.Name, metric.Tag, metric.GetP50(), metric.Unit, metric.GetP99(), metric.Unit)
			}
		}
	}
	return nil
}
