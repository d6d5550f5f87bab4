import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { selfWarmUpMs } from "../../../services/controller/core/run-plan.ts";

describe("a worker warms its own path", () => {
  const rate = { case: "rate", value: { ratePerSec: 50 } } as const;
  const closed = { case: "concurrency", value: { limit: 4 } } as const;
  for (const [what, phase, ms] of [
    ["hardly before a few requests", { load: closed, stop: { requestCount: 20n } }, 100],
    ["for a fifth of the duration", { load: closed, stop: { durationSec: 4 } }, 800],
    ["for a fifth of what so many requests take at their rate", { load: rate, stop: { requestCount: 200n } }, 800],
    ["for 2 s at most", { load: rate, stop: { durationSec: 3600 } }, 2000],
    ["for 2 s before more than a thousand requests", { load: closed, stop: { requestCount: 1001n } }, 2000],
  ] as const) {
    it(what, () => {
      expect(selfWarmUpMs(create(RunSpecSchema, { phases: [phase] }))).to.equal(ms);
    });
  }

  it("as its longest phase wants it", () => {
    const phases = [
      { load: closed, stop: { durationSec: 1 } },
      { load: closed, stop: { durationSec: 6 } },
    ];
    expect(selfWarmUpMs(create(RunSpecSchema, { phases }))).to.equal(1200);
  });
});
