package assay_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"assay"
	common "assay/gen/assay/common/v1"
	controller "assay/gen/assay/controller/v1"
	records "assay/gen/assay/records_manager/v1"
	manager "assay/gen/assay/worker_manager/v1"
)

// A test lasts no longer than this.
const limit = time.Minute

const (
	long  = `{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "rate": {"ratePerSec": 20}, "stop": {"durationSec": 120}}`
	short = `{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 2}, "stop": {"requestCount": 10}}`
)

// suiteAt connects to the suite of $XDG_RUNTIME_DIR, as a program of the same user does.
func suiteAt(t *testing.T) (context.Context, *assay.Suite) {
	t.Helper()
	if os.Getenv("TARGET_URL") == "" {
		t.Skip("there is no suite: TARGET_URL is not set")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	suite, err := assay.Connect(ctx, assay.Reach{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(suite.Close)
	return ctx, suite
}

func specOf(t *testing.T, phase string) *common.RunSpec {
	t.Helper()
	spec, err := assay.ParseSpec([]byte(`{"models": ["mock"], "endpoint": {"type": "chat", "streaming": true},
		"target": {"urls": [{"url": "` + os.Getenv("TARGET_URL") + `"}]},
		"dataset": {"synthetic": {"inputTokens": {"mean": 16}, "outputTokens": {"mean": 2}}}, "phases": [` + phase + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func failureOf(t *testing.T, err error) *assay.Error {
	t.Helper()
	var failure *assay.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want an error of the package", err)
	}
	return failure
}

// ended is the last state of a run that ends, from its own stream or, once it has ended, from the catalog.
func ended(t *testing.T, ctx context.Context, suite *assay.Suite, runID string) controller.RunState {
	t.Helper()
	run, err := suite.Attach(ctx, runID)
	if err == nil {
		for _, err := range run.Progress() {
			if err != nil {
				t.Fatal(err)
			}
		}
		return run.Now().State
	}
	if failure := failureOf(t, err); failure.Code != "failed_precondition" {
		t.Fatal(err)
	}
	got, err := suite.Runs.GetRun(ctx, &controller.GetRunRequest{RunId: runID})
	if err != nil {
		t.Fatal(err)
	}
	return got.Run.State
}

func TestSaysEveryFieldThatIsWrong(t *testing.T) {
	ctx, suite := suiteAt(t)
	_, err := suite.Run(ctx, &common.RunSpec{Models: []string{"mock"}}, assay.RunOptions{})
	failure := failureOf(t, err)
	if failure.Code != "invalid_argument" || failure.Reason != "INVALID_RUN_SPEC" || failure.Violations[0].Field != "phases" {
		t.Errorf("got %+v", failure)
	}
	if _, err := assay.ParseSpec([]byte(`{"nonsense": 1}`)); failureOf(t, err).Code != "invalid_argument" {
		t.Errorf("a spec that is none: got %v", err)
	}
}

func TestGivesRecordsWithTheMetricsThatTheyHave(t *testing.T) {
	ctx, suite := suiteAt(t)
	run, err := suite.Run(ctx, specOf(t, short), assay.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range run.Progress() {
		if err != nil {
			t.Fatal(err)
		}
	}
	var latencies []float64
	for record, err := range suite.RecordsOf(ctx, &records.StreamRecordsRequest{RunId: run.ID, OrderBy: "request_latency"}) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Status != 200 {
			t.Errorf("status %d", record.Status)
		}
		latencies = append(latencies, record.Metrics["request_latency"])
	}
	if len(latencies) != 10 || !slices.IsSorted(latencies) || latencies[0] <= 0 {
		t.Errorf("latencies: %v", latencies)
	}
	for _, err := range run.Records(ctx, "nonsense >") {
		if failureOf(t, err).Code != "invalid_argument" {
			t.Errorf("a filter that cannot be read: got %v", err)
		}
	}
}

func TestEndsTheRunWhenItsContextDoes(t *testing.T) {
	ctx, suite := suiteAt(t)
	own, cancel := context.WithCancel(ctx)
	run, err := suite.Run(own, specOf(t, long), assay.RunOptions{Interval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for progress, err := range run.Progress() {
		if last = err; err == nil && progress.Run.State == controller.RunState_RUN_STATE_RUNNING {
			cancel()
		}
	}
	cancel()
	if failureOf(t, last).Code != "cancelled" {
		t.Errorf("got %v", last)
	}
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestLeavesARunAloneThatIsToBeKept(t *testing.T) {
	ctx, suite := suiteAt(t)
	run, err := suite.Run(ctx, specOf(t, long), assay.RunOptions{Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	again, err := suite.Attach(ctx, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Cancel("the test is over"); err != nil {
		t.Fatal(err)
	}
	for _, err := range again.Progress() {
		if err != nil {
			t.Fatal(err)
		}
	}
	if state := again.Now().State; state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
	if err := again.Cancel("again"); failureOf(t, err).Code == "" {
		t.Errorf("a stream that is over takes a message")
	}
}

func TestTellsWhatWasRefused(t *testing.T) {
	ctx, suite := suiteAt(t)
	run, err := suite.Run(ctx, specOf(t, long), assay.RunOptions{Interval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	isAsked, limit := false, uint32(0)
	for progress, err := range run.Progress() {
		if err != nil {
			t.Fatal(err)
		}
		if len(progress.Refusals) > 0 {
			if !strings.Contains(progress.Refusals[0].Message, "at least 1") {
				t.Errorf("refused: %s", progress.Refusals[0].Message)
			}
			break
		}
		if phases := progress.Run.Phases; len(phases) > 0 && phases[0].Sent > 0 && !isAsked {
			isAsked = true
			if err := run.Adjust(&controller.AdjustPhase{PrefillConcurrency: &limit}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Its loop was left.
	if state := ended(t, ctx, suite, run.ID); state != controller.RunState_RUN_STATE_CANCELLED {
		t.Errorf("the run is %s", state)
	}
}

func TestCallsAnyService(t *testing.T) {
	ctx, suite := suiteAt(t)
	channel, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_WORKER_MANAGER)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manager.NewWorkerManagerServiceClient(channel).ListWorkers(ctx, &manager.ListWorkersRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := suite.Channel(ctx, common.ServiceKind_SERVICE_KIND_UNSPECIFIED); failureOf(t, err).Code != "unavailable" {
		t.Errorf("a service that nobody serves: got %v", err)
	}
}

func TestIsRefusedWithAWrongToken(t *testing.T) {
	ctx, _ := suiteAt(t)
	if _, err := assay.Connect(ctx, assay.Reach{Token: "nobody's"}); failureOf(t, err).Code != "unauthenticated" {
		t.Errorf("got %v", err)
	}
}

func TestSendsNoTokenInClearToAnotherHost(t *testing.T) {
	_, err := assay.Connect(t.Context(), assay.Reach{Address: "192.0.2.1:7400", Token: "a-secret"})
	if failureOf(t, err).Code != "failed_precondition" {
		t.Errorf("got %v", err)
	}
}

func TestShowsItsCertificate(t *testing.T) {
	ctx, _ := suiteAt(t)
	files := strings.Split(os.Getenv("ASSAY_TLS_FILES"), ":")
	reach := assay.Reach{Address: os.Getenv("ASSAY_TLS_ADDRESS"), CAFile: files[0], CertFile: files[1], KeyFile: files[2], TokenFile: files[3]}
	suite, err := assay.Connect(ctx, reach)
	if err != nil {
		t.Fatal(err)
	}
	suite.Close()
	reach.CertFile = ""
	if _, err := assay.Connect(ctx, reach); failureOf(t, err).Code != "unavailable" {
		t.Errorf("without a certificate: got %v", err)
	}
}

func TestSaysWhereItLookedForASuite(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/nowhere")
	_, err := assay.Connect(t.Context(), assay.Reach{})
	if failure := failureOf(t, err); failure.Code != "not_found" || !strings.Contains(failure.Message, "/nowhere/assay") {
		t.Errorf("got %v", err)
	}
}
