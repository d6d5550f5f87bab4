import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { Sampling } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetHandleSchema } from "../../../../gen/assay/controller/v1/controller_service_pb.js";
import { packBranches } from "../../../../services/common/session-branches.ts";
import { DelayPacker } from "../../../../services/common/turn-delays.ts";
import { rootSampler, shapeOf } from "../../../../services/timing/core/dataset-shape.ts";

type HandleInit = Exclude<MessageInitShape<typeof DatasetHandleSchema>, { $typeName: string }>;

const shape = (handle: HandleInit) => shapeOf(create(DatasetHandleSchema, { conversations: 3n, ...handle }));

function delays(...delaysMs: readonly number[]): Uint8Array {
  const packer = new DelayPacker();
  for (const delayMs of delaysMs) packer.add(delayMs);
  return packer.packed();
}

describe("the shape of a dataset", () => {
  it("knows the turns of every conversation, equal or not", () => {
    const equal = shape({ turnsEach: 2 });
    expect([0, 1, 2].map(equal.turnsOf)).to.deep.equal([2, 2, 2]);
    const counted = shape({ turnCounts: [1, 3, 2] });
    expect([0, 1, 2].map(counted.turnsOf)).to.deep.equal([1, 3, 2]);
    expect([equal.isMultiTurn, counted.isMultiTurn, shape({ turnsEach: 1 }).isMultiTurn]).to.deep.equal([true, true, false]);
  });

  it("finds the pause of a turn, where conversations have as many turns as each other and where not", () => {
    const equal = shape({ turnsEach: 2, turnDelays: delays(0, 10, 0, 20, 0, 30) });
    expect([0, 1, 2].map((conversation) => equal.delayNs?.(conversation, 1))).to.deep.equal([10e6, 20e6, 30e6]);
    const counted = shape({ turnCounts: [1, 3, 2], turnDelays: delays(0, 0, 10, 20, 0, 30) });
    expect([counted.delayNs?.(1, 1), counted.delayNs?.(1, 2), counted.delayNs?.(2, 1)]).to.deep.equal([10e6, 20e6, 30e6]);
  });

  it("has no pauses where none are told, and takes none that belong to other turns", () => {
    expect(shape({ turnsEach: 2 }).delayNs).to.equal(undefined);
    expect(() => shape({ turnsEach: 2, turnDelays: delays(0, 1) })).to.throw("varint ends");
  });

  it("is drawn from in the order that the handle names", () => {
    const orders = [Sampling.UNSPECIFIED, Sampling.SEQUENTIAL, Sampling.RANDOM, Sampling.SHUFFLE].map(
      (sampling) => shape({ sampling, samplingSeed: 9n }).order,
    );
    expect(orders).to.deep.equal(["sequential", "sequential", "random", "shuffle"]);
  });

  it("draws only conversations that no other one begins, by their own weights", () => {
    const branches = packBranches([
      { conversation: 1, isSilent: false, branches: [{ mode: "fork", afterTurn: 0, children: [0, 3], joinAt: undefined }] },
      { conversation: 4, isSilent: true, branches: [{ mode: "spawn", afterTurn: 0, children: [3], joinAt: undefined }] },
    ]);
    const dataset = shape({ conversations: 5n, turnsEach: 1, branches, weights: [9, 1, 1, 9, 1] });
    expect([...(dataset.roots ?? [])]).to.deep.equal([1, 2, 4]);
    expect([0, 1, 2, 3].map(rootSampler(dataset))).to.deep.equal([1, 2, 4, 1]);
    expect([dataset.isMultiTurn, dataset.branches?.isSilent(4), dataset.branches?.isSilent(1)]).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(dataset.branches?.of(2)).to.deep.equal([]);
    const weighted = rootSampler({ ...dataset, order: "weighted" });
    expect(new Set(Array.from({ length: 60 }, (_, nth) => weighted(nth)))).to.deep.equal(new Set([1, 2, 4]));
  });
});
