import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { parseFlags } from "../../../clients/cli/parse.ts";
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

describe("options of assay watch", () => {
  for (const [line, problems] of [
    ["--set-rate 5", ["--controller: expected HOST:PORT of the suite that runs it"]],
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
