// Raises the rate of a run while it goes on, to 80 requests per second, then ends it: go run ./examples/adjust URL.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"assay"
	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"

	"google.golang.org/protobuf/encoding/protojson"
)

const spec = `{
  "models": ["mock"],
  "target": {"urls": [{"url": %q}]},
  "endpoint": {"type": "chat", "streaming": true},
  "dataset": {"synthetic": {"inputTokens": {"mean": 32}, "outputTokens": {"mean": 4}}},
  "phases": [{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "rate": {"ratePerSec": 10}, "stop": {"durationSec": 60}}]
}`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := adjust(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func adjust(ctx context.Context, url string) error {
	suite, err := assay.Connect(assay.Reach{})
	if err != nil {
		return err
	}
	defer suite.Close()
	parsed := &common.RunSpec{}
	if err := protojson.Unmarshal(fmt.Appendf(nil, spec, url), parsed); err != nil {
		return err
	}
	run := suite.Run(parsed, assay.RunOptions{Interval: 200 * time.Millisecond})
	rates, isEnding := []float64{20, 40, 80}, false
	for progress, err := range run.Progress(ctx) {
		if err != nil {
			return err
		}
		for _, event := range progress.Events {
			if event.Kind == "load_changed" {
				fmt.Println(event.Message)
			}
		}
		// One step at a time, from the first request on.
		phases := progress.Run.Phases
		switch {
		case len(phases) == 0 || phases[0].Sent == 0:
			continue
		case len(rates) > 0:
			err = run.Adjust(ctx, &controller.AdjustPhase{RatePerSec: &rates[0]})
			rates = rates[1:]
		case phases[0].Sent >= 50 && !isEnding:
			err = run.Cancel(ctx, "that was enough")
			isEnding = true
		}
		if err != nil {
			return err
		}
	}
	summary, err := run.Summary(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d requests, at last 80 per second\n", run.ID, summary.Phases[0].Identity.Succeeded)
	return nil
}
