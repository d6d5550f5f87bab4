// Streams the records of a run into CSV: go run ./examples/csv RUN [FILTER].
package main

import (
	"context"
	"encoding/csv"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"assay"
	records "assay/gen/assay/records_manager/v1"
)

var tags = []string{"time_to_first_token", "request_latency"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := write(ctx, os.Args[1], strings.Join(os.Args[2:], " ")); err != nil {
		log.Fatal(err)
	}
}

func write(ctx context.Context, runID, filter string) error {
	suite, err := assay.Connect(ctx, assay.Reach{})
	if err != nil {
		return err
	}
	defer suite.Close()
	table := csv.NewWriter(os.Stdout)
	if err := table.Write(append([]string{"credit_id", "status"}, tags...)); err != nil {
		return err
	}
	wanted := &records.StreamRecordsRequest{RunId: runID, Phase: "profiling", Filter: filter}
	for record, err := range suite.RecordsOf(ctx, wanted) {
		if err != nil {
			return err
		}
		row := []string{strconv.FormatUint(record.CreditId, 10), strconv.FormatUint(uint64(record.Status), 10)}
		for _, tag := range tags {
			value := ""
			if metric, isThere := record.Metrics[tag]; isThere {
				value = strconv.FormatFloat(metric, 'g', -1, 64)
			}
			row = append(row, value)
		}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}
