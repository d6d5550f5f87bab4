// Package assay is a client of Assay: it drives runs of a suite, and reads what they measured.
package assay

import (
	"cmp"
	"context"
	"crypto/tls"
	"iter"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Reach is how a suite is reached.
type Reach struct {
	Address          string      // Of its controller; default: $ASSAY_CONTROLLER, else 127.0.0.1:9600.
	Token, TokenFile string      // Default: what TokenFile has (default: $ASSAY_TOKEN_FILE), else $ASSAY_TOKEN.
	TLS              *tls.Config // Default: it is spoken to in clear, and a token goes to no other host.
	AllowPlaintext   bool        // A token goes in clear to other hosts, too.
}

// Suite is a suite as a client sees it, for any number of goroutines. Its errors are gRPC's, with the details that the suite gives them.
type Suite struct {
	Runs    controller.RunServiceClient // Create, watch, adjust, cancel, list, delete.
	reach   Reach
	channel *grpc.ClientConn
}

// Connect makes a client of a suite, which its first call dials. The caller closes it.
func Connect(reach Reach) (*Suite, error) {
	reach.Address = cmp.Or(reach.Address, os.Getenv("ASSAY_CONTROLLER"), "127.0.0.1:9600")
	if file := cmp.Or(reach.TokenFile, os.Getenv("ASSAY_TOKEN_FILE")); reach.Token == "" && file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		reach.Token = string(text)
	}
	reach.Token = strings.TrimSpace(cmp.Or(reach.Token, os.Getenv("ASSAY_TOKEN")))
	channel, err := reach.dial(reach.Address)
	if err != nil {
		return nil, err
	}
	return &Suite{Runs: controller.NewRunServiceClient(channel), reach: reach, channel: channel}, nil
}

// Close ends the calls of Runs.
func (s *Suite) Close() error { return s.channel.Close() }

// Channel connects to the member that serves a service now, for a client of any service. The caller closes it.
func (s *Suite) Channel(ctx context.Context, kind common.ServiceKind) (*grpc.ClientConn, error) {
	suite, err := controller.NewSuiteServiceClient(s.channel).GetSuite(ctx, &controller.GetSuiteRequest{})
	// One that has died may still be listed beside its successor. Of several that of shard 0 answers for all.
	serving := slices.DeleteFunc(suite.GetMembers(), func(member *controller.Member) bool {
		return !member.IsConnected || member.Address == "" || !slices.Contains(member.Services, kind)
	})
	if len(serving) == 0 {
		return nil, cmp.Or(err, status.Errorf(codes.Unavailable, "no member of the suite serves %s", kind))
	}
	first := slices.MinFunc(serving, func(one, other *controller.Member) int { return cmp.Compare(one.Shard, other.Shard) })
	return s.reach.dial(first.Address)
}

func (r Reach) dial(address string) (*grpc.ClientConn, error) {
	// A connection is made again by itself; one whose peer is silent breaks.
	isAlive := keepalive.ClientParameters{Time: 10 * time.Second}
	options := []grpc.DialOption{grpc.WithNoProxy(), grpc.WithKeepaliveParams(isAlive), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20)),
		grpc.WithTransportCredentials(insecure.NewCredentials())}
	if r.TLS != nil {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(r.TLS)))
	}
	host, _, _ := net.SplitHostPort(address)
	isHere := host == "localhost" || net.ParseIP(host).IsLoopback()
	if r.Token != "" {
		if r.TLS == nil && !isHere && !r.AllowPlaintext {
			return nil, status.Errorf(codes.FailedPrecondition, "sending a token to %s in clear: it is another host, use TLS", address)
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer(r.Token)))
	}
	return grpc.NewClient("passthrough:///"+address, options...)
}

// bearer is a token that is sent in clear, too: whether it may be is known before.
type bearer string

func (b bearer) RequireTransportSecurity() bool { return false }
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RunOptions of a run of one's own.
type RunOptions struct {
	RunID    string        // Wished for; default: one is given.
	Interval time.Duration // Longest pause between two messages of its progress; default: a second.
	Keep     bool          // It goes on when its progress is left.
}

// Run is a run, which reading its progress follows.
type Run struct {
	ID     string
	Now    *controller.Run // As it was told last.
	suite  *Suite
	create *controller.DriveCreate
}

// Run is a run of a spec, which begins when its progress is read, and ends when that is left, unless it is to be kept.
func (s *Suite) Run(spec *common.RunSpec, options RunOptions) *Run {
	wanted := &controller.CreateRunRequest{Spec: spec, RunId: options.RunID}
	intervalMs := uint32(options.Interval.Milliseconds())
	return &Run{ID: options.RunID, suite: s, create: &controller.DriveCreate{Run: wanted, CancelOnDisconnect: !options.Keep, IntervalMs: intervalMs}}
}

// Attach is a run that there is, whoever created it; leaving it leaves it alone. One that has ended is told once.
func (s *Suite) Attach(runID string) *Run { return &Run{ID: runID, suite: s} }

// Progress is, once, the run now, and what happened since the message before, to its last state. The stream of a run that outlives it is
// opened again when it breaks, for some 15 s without a message. After an error comes nothing more.
func (r *Run) Progress(ctx context.Context) iter.Seq2[*controller.DriveRunResponse, error] {
	return func(yield func(*controller.DriveRunResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for told, tries := 0, 0; ; tries++ {
			stream, err := r.open(ctx, tries > 0)
			for heard := 0; err == nil; {
				message := &controller.DriveRunResponse{}
				if err = stream.RecvMsg(message); err == nil {
					// A stream that is opened again begins with all that happened so far.
					heard += len(message.Events)
					message.Events = message.Events[len(message.Events)-max(0, heard-told):]
					r.ID, r.Now, told, tries = message.Run.RunId, message.Run, max(told, heard), 0
					if !yield(message, nil) {
						return
					}
				}
			}
			if r.Now.GetState() >= controller.RunState_RUN_STATE_COMPLETED {
				return
			}
			isCut := slices.Contains([]codes.Code{codes.Unavailable, codes.Internal, codes.Unknown}, status.Code(err))
			if !isCut || r.ID == "" || r.create.GetCancelOnDisconnect() || tries == 18 {
				yield(nil, err)
				return
			}
			time.Sleep(min(time.Second, 100*time.Millisecond<<tries))
		}
	}
}

func (r *Run) open(ctx context.Context, isAgain bool) (grpc.ClientStream, error) {
	if r.create == nil || isAgain {
		// Its messages are those of DriveRun as far as they go. A run whose creation nobody answered may be there, and is not created twice.
		return r.suite.Runs.WatchRun(ctx, &controller.WatchRunRequest{RunId: r.ID, IntervalMs: r.create.GetIntervalMs()})
	}
	stream, err := r.suite.Runs.DriveRun(ctx)
	if err == nil {
		// Why a stream does not take a message is what it answers.
		_ = stream.Send(&controller.DriveRunRequest{Message: &controller.DriveRunRequest_Create{Create: r.create}})
	}
	return stream, err
}

// Adjust changes the load of the phase that runs.
func (r *Run) Adjust(ctx context.Context, change *controller.AdjustPhase) error {
	for _, phase := range r.Now.GetPhases() {
		if phase.Name == r.Now.GetPhase() {
			change.Phase = phase.Index
		}
	}
	_, err := r.suite.Runs.AdjustRun(ctx, &controller.AdjustRunRequest{RunId: r.ID, Adjust: change})
	return err
}

// Cancel asks for the end of the run; its progress goes on until then.
func (r *Run) Cancel(ctx context.Context, reason string) error {
	_, err := r.suite.Runs.CancelRun(ctx, &controller.CancelRunRequest{RunId: r.ID, Reason: reason})
	return err
}

// Summary has the statistics of the run, at any time.
func (r *Run) Summary(ctx context.Context) (*records.SummarizeRecordsResponse, error) {
	channel, err := r.suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_RECORDS_MANAGER)
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	return records.NewRecordsManagerServiceClient(channel).SummarizeRecords(ctx, &records.SummarizeRecordsRequest{RunId: r.ID})
}
