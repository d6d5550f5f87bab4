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
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"
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
	suite, err := assay.Connect(ctx, assay.Reach{})
	if err != nil {
		return err
	}
	defer suite.Close()
	parsed, err := assay.ParseSpec(fmt.Appendf(nil, spec, url))
	if err != nil {
		return err
	}
	run, err := suite.Run(ctx, parsed, assay.RunOptions{Interval: 200 * time.Millisecond})
	if err != nil {
		return err
	}
	rates, steps := []float64{20, 40, 80}, 0
	for progress, err := range run.Progress() {
		if err != nil {
			return err
		}
		for _, event := range progress.Events {
			if event.Kind == "load_changed" {
				fmt.Println(event.Message)
			}
		}
		for _, refusal := range progress.Refusals {
			return fmt.Errorf("refused: %s", refusal.Message)
		}
		// One step at a time, from the first request on.
		phases := progress.Run.Phases
		if len(phases) == 0 || phases[0].Sent == 0 || int(progress.Handled) < steps {
			continue
		}
		switch {
		case steps < len(rates):
			err = run.Adjust(&controller.AdjustPhase{RatePerSec: &rates[steps]})
		case steps == len(rates) && phases[0].Sent >= 50:
			err = run.Cancel("that was enough")
		default:
			continue
		}
		if err != nil {
			return err
		}
		steps++
	}
	summary, err := suite.SummaryOf(ctx, &records.SummarizeRecordsRequest{RunId: run.ID, Phase: "profiling"})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d requests, at last %g per second\n", run.ID, summary.Phases[0].Identity.Succeeded, rates[2])
	return nil
}
