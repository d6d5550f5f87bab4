import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { PhaseIdentitySchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { TimingProgressSchema } from "../../../gen/assay/timing/v1/timing_pb.js";
import { applyClosing, applyProgress, isUnderLoad, newRun } from "../../../services/controller/core/run-view.ts";

const spec = create(RunSpecSchema, {
  name: "n",
  target: { apiKey: "sk-1" },
  phases: [
    { name: "one", stop: { requestCount: 9n } },
    { name: "two", stop: { durationSec: 5 } },
  ],
});
const createTime = { $typeName: "google.protobuf.Timestamp", seconds: 1n, nanos: 0 } as const;
const begun = () => newRun({ runId: "r", spec, folder: "/f", createTime });

describe("a run as clients see it", () => {
  it("begins with its phases as they are asked for, and without secrets", () => {
    const run = begun();
    expect([run.name, run.state, run.spec?.target?.apiKey]).to.deep.equal(["n", RunState.CREATED, "***"]);
    expect(run.phases.map(({ index, name, asked, durationSec }) => [index, name, asked, durationSec])).to.deep.equal([
      [0, "one", 9n, 0],
      [1, "two", 0n, 5],
    ]);
  });

  it("has what timing said last, the rate that is asked for only as long as there is one", () => {
    const run = begun();
    const said = { phase: 1, drawn: 9n, sent: 3n, unused: 1n, lost: 1n, dropped: 2n };
    expect(applyProgress(run, create(TimingProgressSchema, { ...said, askedRatePerSec: 5 }))).to.equal(true);
    expect(run.phases[1]).to.include({ drawn: 9n, sent: 3n, outstanding: 2n, askedRatePerSec: 5 });
    applyProgress(run, create(TimingProgressSchema, said));
    expect(run.phases[1]).to.not.have.property("askedRatePerSec");
    expect(applyProgress(run, create(TimingProgressSchema, { phase: 7 }))).to.equal(false);
  });

  it("has the account of a phase in the place of what timing said, once somebody has counted it", () => {
    const run = begun();
    applyClosing(run, 0, undefined, 5);
    expect(run.phases[0]).to.include({ recordsCompleteNs: 5, drawn: 0n });
    const identity = create(PhaseIdentitySchema, { drawn: 9n, unused: 1n, dropped: 1n, missingLost: 2n });
    applyClosing(run, 0, identity, 6);
    expect(run.phases[0]).to.include({ recordsCompleteNs: 6, drawn: 9n, sent: 5n, outstanding: 0n, identity });
  });

  it("is under load from the begin of a phase until all of its credits are back", () => {
    const run = begun();
    const [one] = run.phases;
    expect(isUnderLoad(run)).to.equal(false);
    Object.assign(one ?? {}, { startNs: 1 });
    expect(isUnderLoad(run)).to.equal(true);
    Object.assign(one ?? {}, { returningCompleteNs: 2 });
    expect(isUnderLoad(run)).to.equal(false);
  });
});
