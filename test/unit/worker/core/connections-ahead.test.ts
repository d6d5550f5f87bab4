import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ConnectionReuse, RunSpecSchema, TargetSpecSchema, UrlStrategy } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { connectionsAhead } from "../../../../services/worker/core/connections-ahead.ts";

type PhaseInit = NonNullable<Exclude<MessageInitShape<typeof RunSpecSchema>, { $typeName: string }>["phases"]>[number];
type TargetInit = Exclude<MessageInitShape<typeof TargetSpecSchema>, { $typeName: string }>;

const closed = (limit: number): PhaseInit => ({ load: { case: "concurrency", value: { limit } } });
const byRate = (ratePerSec: number, ceiling?: number): PhaseInit => ({
  load: { case: "rate", value: { ratePerSec, ...(ceiling === undefined ? {} : { concurrencyCeiling: ceiling }) } },
});
const urls = [{ weight: 3 }, { weight: 1 }];
const { WEIGHTED } = UrlStrategy;

function countsOf(phases: PhaseInit[], workers = 1, target: TargetInit = { urls: [{}] }, most = 1e9): number[] {
  return connectionsAhead(create(TargetSpecSchema, target), create(RunSpecSchema, { phases }).phases, workers, most);
}

describe("connections opened ahead", () => {
  const rows: readonly [what: string, got: number[], expected: number[]][] = [
    ["a worker's share of the largest phase", countsOf([closed(4), closed(10)], 4), [3]],
    ["at most 20 000 of a worker", countsOf([closed(90_000)], 3), [20_000]],
    ["no more than the process may open", countsOf([closed(900)], 1, { urls: [{}, {}] }, 100), [50, 50]],
    ["split evenly among targets", countsOf([closed(10)], 1, { urls: [{}, {}, {}] }), [4, 4, 4]],
    ["split by weight", countsOf([closed(8)], 1, { urls, urlStrategy: WEIGHTED }), [6, 2]],
    ["a few for a rate, since nobody knows how many it will need", countsOf([byRate(20)]), [5]],
    ["at most 64 for a rate", countsOf([byRate(5000)]), [64]],
    ["no more than a rate's ceiling", countsOf([byRate(5000, 3)]), [3]],
    ["one where nothing is known", countsOf([{}]), [1]],
    ["none where connections are used once", countsOf([closed(8)], 1, { urls, connectionReuse: ConnectionReuse.NEVER }), [0, 0]],
  ];
  for (const [what, got, expected] of rows) it(`are ${what}`, () => expect(got).to.deep.equal(expected));
});
