// Streams the records of a run into CSV: go run ./examples/csv RUN [FILTER].
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"log"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"assay"
	common "assay/gen/assay/common/v1"
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
	suite, err := assay.Connect(assay.Reach{})
	if err != nil {
		return err
	}
	defer suite.Close()
	channel, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_RECORDS_MANAGER)
	if err != nil {
		return err
	}
	defer channel.Close()
	wanted := &records.StreamRecordsRequest{RunId: runID, Phase: "profiling", Filter: filter}
	stream, err := records.NewRecordsManagerServiceClient(channel).StreamRecords(ctx, wanted)
	if err != nil {
		return err
	}
	table := csv.NewWriter(os.Stdout)
	if err := table.Write(append([]string{"credit_id", "status"}, tags...)); err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for _, record := range message.Records {
			if err := table.Write(rowOf(record, message.Tags)); err != nil {
				return err
			}
		}
	}
	table.Flush()
	return table.Error()
}

// rowOf is what the table has of a record, whose values are in the order of the tags; one that it has not is no number.
func rowOf(record *records.MetricRecord, all []string) []string {
	row := []string{strconv.FormatUint(record.CreditId, 10), strconv.FormatUint(uint64(record.Status), 10)}
	for _, tag := range tags {
		text := ""
		if at := slices.Index(all, tag); at >= 0 && !math.IsNaN(record.Values[at]) {
			text = strconv.FormatFloat(record.Values[at], 'g', -1, 64)
		}
		row = append(row, text)
	}
	return row
}
