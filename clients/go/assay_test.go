package assay_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay"
	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"
	manager "assay/gen/assay/worker_manager/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A test lasts no longer than this.
const limit = time.Minute

const (
	long    = `{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "rate": {"ratePerSec": 20}, "stop": {"durationSec": 120}}`
	seconds = `{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "rate": {"ratePerSec": 20}, "stop": {"durationSec": 4}}`
	short   = `{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 2}, "stop": {"requestCount": 10}}`
)

// options have a run told often.
var options = assay.RunOptions{Interval: 100 * time.Millisecond}

// suiteAt makes a client of a suite; without an address it is that of $ASSAY_CONTROLLER.
func suiteAt(t *testing.T, reach assay.Reach) (context.Context, *assay.Suite) {
	t.Helper()
	if os.Getenv("ASSAY_CONTROLLER") == "" {
		t.Skip("there is no suite: ASSAY_CONTROLLER is not set")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	suite, err := assay.Connect(reach)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { suite.Close() })
	return ctx, suite
}

func specOf(t *testing.T, phase string) *common.RunSpec {
	t.Helper()
	spec := &common.RunSpec{}
	err := protojson.Unmarshal([]byte(`{"models": ["mock"], "endpoint": {"type": "chat", "streaming": true},
		"target": {"urls": [{"url": "`+os.Getenv("TARGET_URL")+`"}]},
		"dataset": {"synthetic": {"inputTokens": {"mean": 16}, "outputTokens": {"mean": 2}}}, "phases": [`+phase+`]}`), spec)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// follow reads the progress of a run to its end, or until it is left, which a function says; it returns what it ended with.
func follow(ctx context.Context, run *assay.Run, isLeft func(*controller.DriveRunResponse) bool) error {
	for progress, err := range run.Progress(ctx) {
		if err != nil {
			return err
		}
		if isLeft != nil && isLeft(progress) {
			break
		}
	}
	return nil
}

// ended is the last state of a run that ends or has ended.
func ended(t *testing.T, ctx context.Context, suite *assay.Suite, runID string) controller.RunState {
	t.Helper()
	run := suite.Attach(runID)
	if err := follow(ctx, run, nil); err != nil {
		t.Fatal(err)
	}
	return run.Now.State
}

func isRunning(progress *controller.DriveRunResponse) bool {
	return progress.Run.State == controller.RunState_RUN_STATE_RUNNING
}

func isSending(progress *controller.DriveRunResponse) bool {
	return len(progress.Run.Phases) > 0 && progress.Run.Phases[0].Sent > 0
}

// proxy passes connections on to the suite, except while it is away.
type proxy struct {
	listener net.Listener
	mutex    sync.Mutex
	isAway   bool
	ends     []net.Conn
}

func startProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &proxy{listener: listener}
	t.Cleanup(func() {
		listener.Close()
		proxy.goAway(0)
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			proxy.take(near)
		}
	}()
	return proxy
}

func (p *proxy) take(near net.Conn) {
	far, err := net.Dial("tcp", os.Getenv("ASSAY_CONTROLLER"))
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err != nil || p.isAway {
		near.Close()
		return
	}
	p.ends = append(p.ends, near, far)
	go io.Copy(near, far)
	go io.Copy(far, near)
}

func (p *proxy) goAway(pause time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.isAway = true
	for _, end := range p.ends {
		end.Close()
	}
	p.ends = nil
	time.AfterFunc(pause, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.isAway = false
	})
}

func TestSaysEveryFieldThatIsWrong(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	err := follow(ctx, suite.Run(&common.RunSpec{Models: []string{"mock"}}, options), nil)
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("got %v", err)
	}
	var said []string
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			said = append(said, detail.Reason)
		case *errdetails.BadRequest:
			said = append(said, detail.FieldViolations[0].Field)
		}
	}
	slices.Sort(said)
	if !slices.Equal(said, []string{"INVALID_RUN_SPEC", "phases"}) {
		t.Errorf("said %q", said)
	}
}

func TestDrivesARunAndReadsWhatItMeasured(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	run := suite.Run(specOf(t, short), assay.RunOptions{})
	if err := follow(ctx, run, nil); err != nil {
		t.Fatal(err)
	}
	summary, err := run.Summary(ctx)
	if err != nil || summary.Phases[0].Identity.Succeeded != 10 {
		t.Errorf("summary: %v, %v", summary, err)
	}
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_COMPLETED {
		t.Errorf("the run is %s", state)
	}
	channel, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_RECORDS_MANAGER)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	rows, err := records.NewRecordsManagerServiceClient(channel).QueryRecords(ctx, &records.QueryRecordsRequest{RunId: run.ID})
	if err != nil || len(rows.Records) != 10 {
		t.Errorf("records: %v, %v", rows, err)
	}
}

func TestEndsTheRunWhenItsContextDoes(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	run := suite.Run(specOf(t, long), options)
	err := follow(own, run, func(progress *controller.DriveRunResponse) bool {
		if isRunning(progress) {
			cancel()
		}
		return false
	})
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestLeavesARunAloneThatIsToBeKept(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	run := suite.Run(specOf(t, long), assay.RunOptions{Keep: true})
	if err := follow(ctx, run, isRunning); err != nil {
		t.Fatal(err)
	}
	again := suite.Attach(run.ID)
	if err := follow(ctx, again, isSending); err != nil {
		t.Fatal(err)
	}
	if err := again.Cancel(ctx, "the test is over"); err != nil {
		t.Fatal(err)
	}
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestSaysWhatOfALoadCannotBeChanged(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	run := suite.Run(specOf(t, long), options)
	var refused error
	err := follow(ctx, run, func(progress *controller.DriveRunResponse) bool {
		if !isSending(progress) {
			return false
		}
		refused = run.Adjust(ctx, &controller.AdjustPhase{PrefillConcurrency: proto.Uint32(0)})
		return true
	})
	if err != nil || refused == nil || !strings.Contains(refused.Error(), "at least 1") {
		t.Errorf("got %v, %v", err, refused)
	}
	// Its loop was left.
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestOpensTheStreamOfARunAgainThatOutlivesIt(t *testing.T) {
	proxy := startProxy(t)
	ctx, suite := suiteAt(t, assay.Reach{Address: proxy.listener.Addr().String()})
	run := suite.Run(specOf(t, seconds), assay.RunOptions{Keep: true, Interval: options.Interval})
	isCut, told := false, map[string]bool{}
	err := follow(ctx, run, func(progress *controller.DriveRunResponse) bool {
		for _, event := range progress.Events {
			if told[event.String()] {
				t.Errorf("told twice: %s", event)
			}
			told[event.String()] = true
		}
		if isRunning(progress) && !isCut {
			isCut = true
			proxy.goAway(time.Second)
		}
		return false
	})
	if err != nil || run.Now.State != controller.RunState_RUN_STATE_COMPLETED || !isCut {
		t.Errorf("got %v, the run is %s", err, run.Now.State)
	}
}

// A controller that creates a run and whose answer is lost.
type unheard struct {
	controller.UnimplementedRunServiceServer
	created, watched int
}

func (u *unheard) DriveRun(stream grpc.BidiStreamingServer[controller.DriveRunRequest, controller.DriveRunResponse]) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if u.created++; u.created > 1 {
		return status.Error(codes.AlreadyExists, "there is a run of this id")
	}
	return status.Error(codes.Unavailable, "cut by the test")
}

func (u *unheard) WatchRun(wanted *controller.WatchRunRequest, stream grpc.ServerStreamingServer[controller.WatchRunResponse]) error {
	u.watched++
	run := &controller.Run{RunId: wanted.RunId, State: controller.RunState_RUN_STATE_COMPLETED}
	return stream.Send(&controller.WatchRunResponse{Run: run})
}

func TestFollowsARunWhoseCreationNobodyAnswered(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service, server := &unheard{}, grpc.NewServer()
	controller.RegisterRunServiceServer(server, service)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	suite, err := assay.Connect(assay.Reach{Address: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { suite.Close() })
	run := suite.Run(specOf(t, short), assay.RunOptions{RunID: "mine", Keep: true})
	for _, err := range run.Progress(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if run.Now.GetState() != controller.RunState_RUN_STATE_COMPLETED || service.created != 1 || service.watched != 1 {
		t.Fatalf("a run in state %v, %d creations, watched %d times", run.Now.GetState(), service.created, service.watched)
	}
}

func TestEndsWithARunThatDoesNotOutliveItsStream(t *testing.T) {
	proxy := startProxy(t)
	ctx, suite := suiteAt(t, assay.Reach{Address: proxy.listener.Addr().String()})
	run := suite.Run(specOf(t, long), options)
	err := follow(ctx, run, func(progress *controller.DriveRunResponse) bool {
		if isRunning(progress) {
			proxy.goAway(time.Second)
		}
		return false
	})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	_, direct := suiteAt(t, assay.Reach{})
	if state := ended(t, ctx, direct, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestCallsAnyService(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{})
	channel, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_WORKER_MANAGER)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if _, err := manager.NewWorkerManagerServiceClient(channel).ListWorkers(ctx, &manager.ListWorkersRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_UNSPECIFIED); status.Code(err) != codes.Unavailable {
		t.Errorf("a service that nobody serves: got %v", err)
	}
}

func TestIsRefusedWithAWrongToken(t *testing.T) {
	ctx, suite := suiteAt(t, assay.Reach{Token: "nobody's"})
	if _, err := suite.Runs.ListRuns(ctx, &controller.ListRunsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

func TestSendsNoTokenInClearToAnotherHost(t *testing.T) {
	for _, address := range []string{"192.0.2.1:7400", "127.example.com:7400"} {
		if _, err := assay.Connect(assay.Reach{Address: address, Token: "a-secret"}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("got %v", err)
		}
	}
	suite, err := assay.Connect(assay.Reach{Address: "192.0.2.1:7400", Token: "a-secret", AllowPlaintext: true})
	if err != nil {
		t.Fatal(err)
	}
	suite.Close()
}

func TestShowsItsCertificate(t *testing.T) {
	files := strings.Split(os.Getenv("ASSAY_TLS_FILES"), ":")
	if len(files) < 4 {
		t.Skip("there is no suite that asks for certificates: ASSAY_TLS_FILES is not set")
	}
	authority, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files[1], files[2])
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	for _, row := range []struct {
		pairs []tls.Certificate
		code  codes.Code
	}{{[]tls.Certificate{pair}, codes.OK}, {nil, codes.Unavailable}} {
		config := &tls.Config{RootCAs: trusted, Certificates: row.pairs}
		ctx, suite := suiteAt(t, assay.Reach{Address: os.Getenv("ASSAY_TLS_ADDRESS"), TokenFile: files[3], TLS: config})
		if _, err := suite.Runs.ListRuns(ctx, &controller.ListRunsRequest{}); status.Code(err) != row.code {
			t.Errorf("with %d certificates: got %v", len(row.pairs), err)
		}
	}
}
