package assay

import (
	"cmp"
	"context"
	"iter"
	"sync"
	"time"

	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	who      = "a client in Go"
	interval = 500 * time.Millisecond
)

// ParseSpec reads a spec from its proto JSON.
func ParseSpec(json []byte) (*common.RunSpec, error) {
	spec := &common.RunSpec{}
	if err := protojson.Unmarshal(json, spec); err != nil {
		return nil, &Error{Code: "invalid_argument", Message: "the spec cannot be read: " + err.Error()}
	}
	return spec, nil
}

// RunOptions of a run of one's own.
type RunOptions struct {
	// RunID that is wished for; empty: one is given.
	RunID string
	// Interval is the longest pause between two messages of its progress. Default: half a second.
	Interval time.Duration
	// Keep lets the run go on when its context is cancelled or its loop is left.
	Keep bool
}

// Run is a run that is driven.
type Run struct {
	// ID of the run.
	ID string

	suite   *Suite
	stream  grpc.BidiStreamingClient[controller.DriveRunRequest, controller.DriveRunResponse]
	cancel  context.CancelFunc
	sending sync.Mutex
	reading sync.Mutex
	last    *controller.DriveRunResponse
}

// Run creates a run. Unless it is to be kept it ends with the context, and when the loop over its progress is left.
func (s *Suite) Run(ctx context.Context, spec *common.RunSpec, options RunOptions) (*Run, error) {
	create := &controller.DriveCreate{
		Run:                &controller.CreateRunRequest{Spec: spec, RunId: options.RunID},
		CancelOnDisconnect: !options.Keep,
		IntervalMs:         uint32(cmp.Or(options.Interval, interval).Milliseconds()),
		RequestedBy:        who,
	}
	return s.drive(ctx, &controller.DriveRunRequest{Message: &controller.DriveRunRequest_Create{Create: create}})
}

// Attach drives a run that goes on, whoever created it. Leaving it leaves it alone.
func (s *Suite) Attach(ctx context.Context, runID string) (*Run, error) {
	attach := &controller.DriveAttach{RunId: runID, IntervalMs: uint32(interval.Milliseconds()), RequestedBy: who}
	return s.drive(ctx, &controller.DriveRunRequest{Message: &controller.DriveRunRequest_Attach{Attach: attach}})
}

func (s *Suite) drive(ctx context.Context, first *controller.DriveRunRequest) (*Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	run := &Run{suite: s, cancel: cancel}
	var err error
	if run.stream, err = s.Runs.DriveRun(ctx); err == nil {
		if err = run.stream.Send(first); err == nil || isEnd(err) {
			// Why a stream does not take a message is what it answers.
			run.last, err = run.stream.Recv()
		}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	run.ID = run.last.Run.RunId
	return run, nil
}

// Progress is the run now, and what happened since the message before; once, to its last state. After an error comes nothing more.
func (r *Run) Progress() iter.Seq2[*controller.DriveRunResponse, error] {
	return func(yield func(*controller.DriveRunResponse, error) bool) {
		defer r.cancel()
		for message, err := r.last, error(nil); ; message, err = r.stream.Recv() {
			if isEnd(err) {
				return
			}
			if err == nil {
				r.reading.Lock()
				r.last = message
				r.reading.Unlock()
			}
			if !yield(message, err) || err != nil {
				return
			}
		}
	}
}

// Now is the run as it was told last.
func (r *Run) Now() *controller.Run {
	r.reading.Lock()
	defer r.reading.Unlock()
	return r.last.Run
}

// Adjust asks for another load of the phase that runs; what is not done is among the refusals of the progress.
func (r *Run) Adjust(change *controller.AdjustPhase) error {
	now := r.Now()
	for _, phase := range now.Phases {
		if phase.Name == now.Phase {
			change.Phase = phase.Index
		}
	}
	return r.send(&controller.DriveRunRequest{Message: &controller.DriveRunRequest_Adjust{Adjust: change}})
}

// Cancel asks for the end of the run; its progress goes on until then.
func (r *Run) Cancel(reason string) error {
	cancel := &controller.CancelRunRequest{Reason: reason}
	return r.send(&controller.DriveRunRequest{Message: &controller.DriveRunRequest_Cancel{Cancel: cancel}})
}

func (r *Run) send(request *controller.DriveRunRequest) error {
	r.sending.Lock()
	defer r.sending.Unlock()
	if err := r.stream.Send(request); !isEnd(err) {
		return err
	}
	return &Error{Code: "failed_precondition", Message: "the stream of run " + r.ID + " is over"}
}

// Summary has the statistics of the run.
func (r *Run) Summary(ctx context.Context) (*records.SummarizeRecordsResponse, error) {
	return r.suite.SummaryOf(ctx, &records.SummarizeRecordsRequest{RunId: r.ID})
}

// Records has the records of the run that pass a filter; empty: all of them.
func (r *Run) Records(ctx context.Context, filter string) iter.Seq2[Record, error] {
	return r.suite.RecordsOf(ctx, &records.StreamRecordsRequest{RunId: r.ID, Filter: filter})
}

// Close leaves the run.
func (r *Run) Close() { r.cancel() }
