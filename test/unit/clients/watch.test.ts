import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { activeLines, meantRuns } from "../../../clients/cli/runs/active.ts";
import { changeOfKey } from "../../../clients/cli/watch.ts";
import { problemsOfWatch, watchFlags } from "../../../clients/cli/watch-options.ts";
import type { PhaseSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type PhaseProgress, type Run, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";

type Load = PhaseSpec["load"];

function runOf(load: object, progress: Partial<PhaseProgress> = {}): Run {
  return create(RunSchema, {
    state: RunState.RUNNING,
    phase: "p",
    spec: create(RunSpecSchema, { phases: [{ name: "p", load: load as Load }] }),
    phases: [{ index: 0, name: "p", ...progress }],
  } as object);
}

describe("keys at assay watch", () => {
  const rate = { case: "rate", value: { ratePerSec: 50 } };
  const closed = { case: "concurrency", value: { limit: 4 } };

  it("make a rate a tenth more, and less again", () => {
    expect(changeOfKey("+", runOf(rate))).to.deep.equal({ ratePerSec: 55 });
    expect(changeOfKey("-", runOf(rate, { ratePerSec: 55 }))).to.deep.equal({ ratePerSec: 50 });
  });

  it("make a concurrency one more at least, and never nothing", () => {
    expect(changeOfKey("+", runOf(closed))).to.deep.equal({ concurrency: 5 });
    expect(changeOfKey("+", runOf(closed, { concurrency: 100 }))).to.deep.equal({ concurrency: 110 });
    expect(changeOfKey("-", runOf(closed, { concurrency: 110 }))).to.deep.equal({ concurrency: 100 });
    expect(changeOfKey("-", runOf(closed, { concurrency: 1 }))).to.deep.equal({ concurrency: 1 });
  });

  it("pause, and go on", () => {
    expect(changeOfKey("p", runOf(rate))).to.deep.equal({ isPaused: true });
    expect(changeOfKey("p", runOf(rate, { isPaused: true }))).to.deep.equal({ isPaused: false });
  });

  it("mean nothing where no phase runs, or to nobody", () => {
    expect(changeOfKey("x", runOf(rate))).to.equal(undefined);
    expect(changeOfKey("p", create(RunSchema, { state: RunState.CONFIGURING }))).to.equal(undefined);
  });
});

describe("the run that assay watch means", () => {
  const active = (["run-a1", "run-a2", "run-b"] as const).map((runId, index) => ({
    run: create(RunSchema, {
      runId,
      state: RunState.RUNNING,
      folder: `/runs/${runId}`,
      createTime: { seconds: BigInt([10, 30, 20][index] ?? 0), nanos: 0 },
    }),
    suite: { address: "h:1", token: undefined },
    where: "h:1",
  }));
  const meant = (text: string | undefined) => meantRuns(active, text, "/runs").map(({ run }) => run.runId);

  for (const [text, expected] of [
    [undefined, ["run-a1", "run-a2", "run-b"]],
    ["latest", ["run-a2"]],
    ["run-b", ["run-b"]],
    ["run-a", ["run-a2", "run-a1"]],
    ["/runs/run-a1", ["run-a1"]],
    ["./run-a1", ["run-a1"]],
    ["run-c", []],
  ] as const) {
    it(`by ${text ?? "nothing"} is ${expected.join(", ") || "none"}`, () => {
      expect(meant(text)).to.deep.equal(expected);
    });
  }

  it("is shown with its state, its suite and its name, in columns", () => {
    const run = create(RunSchema, { runId: "run-long-id", name: "mine", state: RunState.CONFIGURING });
    expect(activeLines([...active.slice(0, 1), { run, where: "host:22" }])).to.deep.equal([
      "  run-a1       running      h:1",
      "  run-long-id  configuring  host:22  mine",
    ]);
  });
});

describe("options of assay watch", () => {
  for (const [line, problems] of [
    ["--set-rate 5", []],
    ["--token-file f", ["--token-file: only with --controller; a suite of this machine says itself where its token is"]],
    ["--controller h:1 --token-file f", []],
    ["--controller h:1 --pause --resume", ["--pause: not together with --resume"]],
    ["--controller h:1 --stop --set-rate 5", ["--stop: not together with --set-rate"]],
    ["--controller h:1 --set-rate 5 --pause --follow", []],
  ] as const) {
    it(`are told what is wrong with: ${line}`, () => {
      const { options, given } = parseFlags(watchFlags, line.split(" "));
      const origins = new Map([...given].map((name) => [name, "argument" as const]));
      expect(problemsOfWatch({ options, origins })).to.deep.equal(problems);
    });
  }
});
