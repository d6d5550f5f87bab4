import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { failureLimitsOf } from "../../../services/records-manager/failure-limits.ts";

describe("the limits of failed requests", () => {
  it("are those of measured phases, judged from as many requests on as go at once, and from ten at least", () => {
    const stop = { failedRequestShare: 0.25 };
    const { PROFILING, WARMUP } = PhaseKind;
    const spec = create(RunSpecSchema, {
      phases: [
        { kind: WARMUP, load: { case: "concurrency", value: { limit: 40 } }, stop },
        { kind: PROFILING, load: { case: "concurrency", value: { limit: 40 } }, stop },
        { kind: PROFILING, load: { case: "rate", value: { ratePerSec: 500 } }, stop },
        {
          kind: PROFILING,
          load: { case: "rate", value: { ratePerSec: 5, concurrencyCeiling: 12 } },
          stop: { failedRequestShare: 0 },
        },
        { kind: PROFILING, load: { case: "concurrency", value: { limit: 40 } }, stop: { requestCount: 5n } },
        { kind: PROFILING, load: { case: "userCentric", value: { users: 30 } }, stop },
      ],
    });
    expect(failureLimitsOf(spec)).to.deep.equal([
      { phase: 1, share: 0.25, leastCount: 40 },
      { phase: 2, share: 0.25, leastCount: 10 },
      { phase: 3, share: 0, leastCount: 12 },
      { phase: 5, share: 0.25, leastCount: 30 },
    ]);
  });
});
