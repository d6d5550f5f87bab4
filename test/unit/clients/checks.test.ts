import { clone, create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { checksOf } from "../../../clients/cli/checks.ts";
import { junitXml } from "../../../clients/cli/junit.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { Verdict } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { SummarizeRecordsResponseSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";

const run = create(RunSchema, { runId: "r1", spec: { name: 'a "b" & <c>' }, state: RunState.COMPLETED });
const summary = create(SummarizeRecordsResponseSchema, {
  verdict: { verdict: Verdict.SUSPECT },
  phases: [
    {
      name: "profiling",
      kind: PhaseKind.PROFILING,
      identity: { succeeded: 8n, errored: 2n },
      objectives: [
        { text: "ttft:p99 < 500ms", value: 512.25, unit: "ms", isKept: false },
        { text: "error_rate < 50%", value: 20, unit: "%", isKept: true },
        { text: "itl:p50 < 1ms", unit: "ms", isKept: false },
      ],
    },
  ],
});

/** The same with failures that nobody minds. */
const few = clone(SummarizeRecordsResponseSchema, summary);
for (const { identity } of few.phases) if (identity !== undefined) identity.errored = 0n;

describe("what a run was asked to hold", () => {
  it("is judged in the order of its exit codes, each with what was found", () => {
    const checks = checksOf(run, summary, { failedRequestThreshold: 0.1, isValidRequired: true });
    expect(checks.map(({ problem, exitCode }) => [exitCode, problem])).to.deep.equal([
      [4, "2 of 10 requests failed (20.0 %), more than --failed-request-threshold 0.1 allows"],
      [3, "objective missed: ttft:p99 < 500ms (512.25 ms)"],
      [3, undefined],
      [3, "objective missed: itl:p50 < 1ms (no value)"],
      [3, "the client is suspect, and --require-valid was given"],
    ]);
  });

  it("says that failures are why a figure has no end", () => {
    const objectives = [{ text: "adj_request_latency:p90 < 1s", value: Number.POSITIVE_INFINITY, unit: "ms" }];
    const endless = create(SummarizeRecordsResponseSchema, { phases: [{ name: "profiling", objectives }] });
    const [check] = checksOf(run, endless, { failedRequestThreshold: undefined, isValidRequired: false });
    expect(check?.problem).to.equal("objective missed: adj_request_latency:p90 < 1s (endless: too many requests failed)");
  });

  it("is nothing but its objectives where the command line asks for no more", () => {
    const checks = checksOf(run, few, { failedRequestThreshold: undefined, isValidRequired: false });
    expect(checks.map(({ name }) => name)).to.deep.equal(["ttft:p99 < 500ms", "error_rate < 50%", "itl:p50 < 1ms"]);
  });

  it("is that a tenth of the requests fail at most, where nobody says another share", () => {
    const asked = { failedRequestThreshold: undefined, isValidRequired: false };
    const [first] = checksOf(run, summary, asked);
    expect(first).to.deep.equal({
      name: "failed requests: a share of at most 0.1",
      problem: "2 of 10 requests failed (20.0 %), more than the 10.0 % that a run may have without --failed-request-threshold",
      exitCode: 4,
    });
    const said = create(RunSchema, { spec: { phases: [{ stop: { failedRequestShare: 0.5 } }] } });
    expect(checksOf(said, summary, asked).map(({ exitCode }) => exitCode)).to.not.include(4);
  });

  it("is a case each in the report for CI, with its failure", () => {
    const checks = checksOf(run, few, { failedRequestThreshold: undefined, isValidRequired: false });
    expect(junitXml(run, checks).split("\n")).to.deep.equal([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites tests="4" failures="2" errors="0">',
      '  <testsuite name="a &quot;b&quot; &amp; &lt;c&gt;" tests="4" failures="2" errors="0">',
      '    <testcase classname="assay" name="the run completes"/>',
      '    <testcase classname="assay" name="ttft:p99 &lt; 500ms">',
      '      <failure message="objective missed: ttft:p99 &lt; 500ms (512.25 ms)"/>',
      "    </testcase>",
      '    <testcase classname="assay" name="error_rate &lt; 50%"/>',
      '    <testcase classname="assay" name="itl:p50 &lt; 1ms">',
      '      <failure message="objective missed: itl:p50 &lt; 1ms (no value)"/>',
      "    </testcase>",
      "  </testsuite>",
      "</testsuites>",
      "",
    ]);
  });

  it("is XML whatever the run is called and says", () => {
    const odd = create(RunSchema, {
      runId: "r",
      spec: { name: "a]]>\u0000\u001b[2J\ufffe\ud800'\"<!--&" },
      state: RunState.FAILED,
      reason: "\u0007]]>\n",
    });
    const text = junitXml(odd, []);
    expect(text)
      .to.contain('name="a]]&gt;\ufffd\ufffd[2J\ufffd\ufffd\'&quot;&lt;!--&amp;"')
      .and.contain('message="the run is failed: \ufffd]]&gt;\ufffd"');
  });

  it("is one failed case where the run did not complete", () => {
    const failed = create(RunSchema, { runId: "r1", state: RunState.FAILED, reason: "timing died" });
    const text = junitXml(failed, []);
    expect(text).to.contain('tests="1" failures="1"').and.contain('message="the run is failed: timing died"');
    expect(text).to.contain('<testsuite name="r1"');
  });
});
