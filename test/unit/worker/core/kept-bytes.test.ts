import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema, Sampling } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetHandleSchema } from "../../../../gen/assay/controller/v1/controller_service_pb.js";
import { worthKeepingBytes } from "../../../../services/worker/core/kept-bytes.ts";

describe("what a worker keeps of what it has sent", () => {
  const bounds = { mostBytes: 1000, leastBytes: 10 };
  const schedule = { load: { case: "schedule", value: {} } } as const;
  const concurrency = { load: { case: "concurrency", value: {} } } as const;
  const warmUp = { ...concurrency, kind: PhaseKind.WARMUP };

  function kept(phases: readonly object[], conversations: number, sampling: Sampling, turnCounts: number[] = []): number {
    const spec = create(RunSpecSchema, { phases: phases as never });
    const turnsEach = turnCounts.length === 0 ? 1 : 0;
    const handle = create(DatasetHandleSchema, { conversations: BigInt(conversations), turnsEach, turnCounts, sampling });
    return worthKeepingBytes(spec, handle, bounds);
  }

  it("is nothing where all that is measured is sent once, as a schedule does", () => {
    expect(kept([schedule], 5, Sampling.SEQUENTIAL)).to.equal(0);
    expect(kept([warmUp, schedule], 5, Sampling.SEQUENTIAL)).to.equal(0);
    expect(kept([schedule, concurrency], 5, Sampling.SEQUENTIAL)).to.equal(1000);
    expect(kept([warmUp], 5, Sampling.SEQUENTIAL)).to.equal(1000);
  });

  for (const sampling of [Sampling.SEQUENTIAL, Sampling.SHUFFLE]) {
    it(`is nothing where what is drawn in turn has no room together (${Sampling[sampling]})`, () => {
      expect(kept([concurrency], 100, sampling)).to.equal(1000);
      expect(kept([concurrency], 101, sampling)).to.equal(0);
      expect(kept([concurrency], 2, sampling, [50, 50])).to.equal(1000);
      expect(kept([concurrency], 2, sampling, [50, 51])).to.equal(0);
    });
  }

  for (const sampling of [Sampling.RANDOM, Sampling.WEIGHTED]) {
    it(`is as much as may be where anything may come again at any time (${Sampling[sampling]})`, () => {
      expect(kept([concurrency], 1e6, sampling)).to.equal(1000);
    });
  }
});
