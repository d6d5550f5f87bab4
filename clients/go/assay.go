// Package assay is a client of Assay: it drives runs of a suite, and reads what they measured.
package assay

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"

	"google.golang.org/grpc"
)

// Suite is a suite as a client sees it, for any number of goroutines. Every call fails with an *Error.
type Suite struct {
	// Version of Assay that the controller is of.
	Version string
	// Runs: create, watch, adjust, cancel, list, delete.
	Runs controller.RunServiceClient
	// Suite has its members.
	Suite controller.SuiteServiceClient

	reach    Reach
	mutex    sync.Mutex
	channels map[string]*grpc.ClientConn
}

// Connect connects to a suite that runs, within 10 s. The caller closes it.
func Connect(ctx context.Context, reach Reach) (*Suite, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := reach.find(); err != nil {
		return nil, err
	}
	suite := &Suite{reach: reach, channels: map[string]*grpc.ClientConn{}}
	channel, err := suite.at(reach.Address)
	if err != nil {
		return nil, err
	}
	suite.Runs, suite.Suite = controller.NewRunServiceClient(channel), controller.NewSuiteServiceClient(channel)
	about, err := suite.Suite.GetSuite(ctx, &controller.GetSuiteRequest{})
	if err != nil {
		suite.Close()
		return nil, err
	}
	suite.Version = about.Version
	return suite, nil
}

// Channel is a connection to the member that serves a service now, for a client of any service. It is the suite's, which closes it.
func (s *Suite) Channel(ctx context.Context, kind common.ServiceKind) (*grpc.ClientConn, error) {
	about, err := s.Suite.GetSuite(ctx, &controller.GetSuiteRequest{})
	if err != nil {
		return nil, err
	}
	// One that has died may still be listed beside its successor. Of several that of shard 0 answers for all.
	serving := slices.DeleteFunc(about.Members, func(member *controller.Member) bool {
		return !member.IsConnected || member.Address == "" || !slices.Contains(member.Services, kind)
	})
	if len(serving) == 0 {
		return nil, &Error{Code: "unavailable", Message: fmt.Sprintf("no member of the suite serves %s", kind)}
	}
	first := slices.MinFunc(serving, func(one, other *controller.Member) int { return cmp.Compare(one.Shard, other.Shard) })
	return s.at(first.Address)
}

// Records is a client of the records-manager: rows, statistics, files.
func (s *Suite) Records(ctx context.Context) (records.RecordsManagerServiceClient, error) {
	channel, err := s.Channel(ctx, common.ServiceKind_SERVICE_KIND_RECORDS_MANAGER)
	if err != nil {
		return nil, err
	}
	return records.NewRecordsManagerServiceClient(channel), nil
}

// SummaryOf has the statistics of a run.
func (s *Suite) SummaryOf(ctx context.Context, wanted *records.SummarizeRecordsRequest) (*records.SummarizeRecordsResponse, error) {
	client, err := s.Records(ctx)
	if err != nil {
		return nil, err
	}
	return client.SummarizeRecords(ctx, wanted)
}

// Record is what was measured of one request, with its metrics by tag, those that it has.
type Record struct {
	*records.MetricRecord
	Metrics map[string]float64
}

// RecordsOf has the records of a run, as fast as they are taken. After an error comes nothing more.
func (s *Suite) RecordsOf(ctx context.Context, wanted *records.StreamRecordsRequest) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		// Leaving the loop ends the call.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		client, err := s.Records(ctx)
		var stream grpc.ServerStreamingClient[records.StreamRecordsResponse]
		if err == nil {
			stream, err = client.StreamRecords(ctx, wanted)
		}
		for err == nil {
			var message *records.StreamRecordsResponse
			if message, err = stream.Recv(); err != nil {
				break
			}
			for _, record := range message.Records {
				metrics := map[string]float64{}
				for index, value := range record.Values {
					if !math.IsNaN(value) {
						metrics[message.Tags[index]] = value
					}
				}
				if !yield(Record{record, metrics}, nil) {
					return
				}
			}
		}
		if !isEnd(err) {
			yield(Record{}, err)
		}
	}
}

// Close ends the calls of the suite.
func (s *Suite) Close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, channel := range s.channels {
		channel.Close()
	}
}

func (s *Suite) at(address string) (*grpc.ClientConn, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if channel := s.channels[address]; channel != nil {
		return channel, nil
	}
	channel, err := s.reach.dial(address)
	if err == nil {
		s.channels[address] = channel
	}
	return channel, err
}
