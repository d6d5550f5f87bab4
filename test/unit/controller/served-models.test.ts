import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ModelStatisticsSchema } from "../../../gen/inference/statistics_pb.js";
import { isSettled, servedBetween } from "../../../services/controller/core/served-models.ts";

type StatisticsInit = Exclude<MessageInitShape<typeof ModelStatisticsSchema>, { $typeName: string }>;

const times = (count: number, ns: number) => ({ count: BigInt(count), ns: BigInt(ns) });

/** So many requests of 10 ns each, 2 of them in the queue, in batches of two. */
function model(requests: number, change: StatisticsInit = {}) {
  return create(ModelStatisticsSchema, {
    name: "m",
    version: "1",
    inferenceCount: BigInt(2 * requests),
    executionCount: BigInt(requests),
    inferenceStats: { success: times(requests, 10 * requests), fail: times(0, 0), queue: times(requests, 2 * requests) },
    batchStats: [{ batchSize: 2n, computeInfer: times(requests, 8 * requests) }],
    responseStats: { "0": { computeInfer: times(requests, 3 * requests) }, "1": { computeInfer: times(requests, 999) } },
    ...change,
  });
}

describe("what a server's models did between two readings", () => {
  it("is the difference of every count and duration", () => {
    const [served, ...others] = servedBetween([model(4)], [model(10)]);
    expect(others).to.deep.equal([]);
    expect(served).to.deep.include({
      model: "m",
      version: "1",
      inferences: 12n,
      executions: 6n,
      success: { count: 6n, ns: 60 },
      fail: { count: 0n, ns: 0 },
      queue: { count: 6n, ns: 12 },
      computeInfer: { count: 0n, ns: 0 },
      firstResponse: { count: 6n, ns: 18 },
      batches: [{ size: 2n, executions: 6n, computeInferNs: 48 }],
    });
  });

  it("leaves out models that did nothing, and sizes of batches that did not occur", () => {
    const idle = model(3, { name: "idle" });
    const batches = [4, 1, 2].map((size) => ({ batchSize: BigInt(size), computeInfer: times(size === 4 ? 3 : size * 5, 7) }));
    const before = [idle, model(3, { batchStats: [{ batchSize: 4n, computeInfer: times(3, 7) }] })];
    const served = servedBetween(before, [idle, model(4, { batchStats: batches })]);
    expect(served.map(({ model }) => model)).to.deep.equal(["m"]);
    expect(served[0]?.batches).to.deep.equal([
      { size: 1n, executions: 5n, computeInferNs: 7 },
      { size: 2n, executions: 10n, computeInferNs: 7 },
    ]);
  });

  it("tells versions apart, and has all of one that was not there before", () => {
    const second = model(5, { version: "2" });
    expect(servedBetween([model(4)], [model(4), second])[0]).to.deep.include({ version: "2", success: { count: 5n, ns: 50 } });
  });

  it("begins with nothing where a model's counts fell, as those of a server that was started anew do", () => {
    expect(servedBetween([model(100)], [model(3)])[0]).to.deep.include({ inferences: 6n, success: { count: 3n, ns: 30 } });
  });

  it("counts a request that failed as something done", () => {
    const failed = model(4, { inferenceStats: { success: times(4, 40), fail: times(1, 5) } });
    expect(servedBetween([model(4)], [failed])[0]?.fail).to.deep.equal({ count: 1n, ns: 5 });
  });

  it("is settled when nothing ended, and no model came", () => {
    expect(isSettled([model(4)], [model(4, { lastInference: 7n })])).to.equal(true);
    expect(isSettled([model(4)], [model(5)])).to.equal(false);
    expect(isSettled([], [model(0)])).to.equal(false);
  });
});
