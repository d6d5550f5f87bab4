import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import {
  ConnectionReuse,
  type RateLoadSchema,
  RunSpecSchema,
  type ScheduleLoadSchema,
  TargetSpecSchema,
  UrlStrategy,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetHandleSchema } from "../../../../gen/assay/controller/v1/controller_service_pb.js";
import { TimestampPacker } from "../../../../services/common/turn-timestamps.ts";
import { connectionsAhead } from "../../../../services/worker/core/connections-ahead.ts";
import { firstTurnsUs } from "../../../../services/worker/core/schedule-start.ts";

type PhaseInit = NonNullable<Exclude<MessageInitShape<typeof RunSpecSchema>, { $typeName: string }>["phases"]>[number];
type TargetInit = Exclude<MessageInitShape<typeof TargetSpecSchema>, { $typeName: string }>;

const closed = (limit: number): PhaseInit => ({ load: { case: "concurrency", value: { limit } } });
const urls = [{ weight: 3 }, { weight: 1 }];
const { WEIGHTED } = UrlStrategy;

function countsOf(phases: PhaseInit[], workers = 1, target: TargetInit = { urls: [{}] }, most = 1e9): number[] {
  return connectionsAhead({
    target: create(TargetSpecSchema, target),
    phases: create(RunSpecSchema, { phases }).phases,
    workers,
    most,
    // Ten at once, then one every 100 ms.
    firstTurnsUs: Float64Array.from({ length: 100 }, (_, index) => 5e6 + 1e5 * Math.max(0, index - 9)),
  });
}

const rateOf = (value: Exclude<MessageInitShape<typeof RateLoadSchema>, { $typeName: string }>): PhaseInit => ({
  load: { case: "rate", value },
});
const users = (count: number, ratePerSec: number, concurrencyCeiling?: number): PhaseInit => ({
  load: { case: "userCentric", value: { users: count, ratePerSec, ...(concurrencyCeiling && { concurrencyCeiling }) } },
});
const schedule = (value: Exclude<MessageInitShape<typeof ScheduleLoadSchema>, { $typeName: string }>): PhaseInit => ({
  load: { case: "schedule", value },
});
const series = [
  { atSec: 0, ratePerSec: 5 },
  { atSec: 9, ratePerSec: 70 },
];

describe("connections opened ahead", () => {
  const rows: readonly [what: string, got: number[], expected: number[]][] = [
    ["a worker's share of the largest phase", countsOf([closed(4), closed(10)], 4), [3]],
    ["at most 20 000 of a worker", countsOf([closed(90_000)], 3), [20_000]],
    ["no more than the process may open", countsOf([closed(900)], 1, { urls: [{}, {}] }, 100), [50, 50]],
    ["split evenly among targets", countsOf([closed(10)], 1, { urls: [{}, {}, {}] }), [4, 4, 4]],
    ["split by weight", countsOf([closed(8)], 1, { urls, urlStrategy: WEIGHTED }), [6, 2]],
    ["as many for a rate as arrive in a second", countsOf([rateOf({ ratePerSec: 19.5 })], 2), [10]],
    ["at most 1024 for a rate, on all workers", countsOf([rateOf({ ratePerSec: 5000 })], 4), [256]],
    ["no more than a rate's ceiling", countsOf([rateOf({ ratePerSec: 5000, concurrencyCeiling: 3 })]), [3]],
    ["by the highest rate that a phase comes to", countsOf([rateOf({ series })]), [70]],
    ["all of a burst", countsOf([rateOf({ bursts: { size: 3000, intervalSec: 60 } })]), [3000]],
    ["as many for users as send in a second", countsOf([users(500, 40)]), [40]],
    [
      "no more than there are users, or their ceiling lets through",
      [...countsOf([users(7, 40)]), ...countsOf([users(9, 40, 5)])],
      [7, 5],
    ],
    ["as many for a schedule as begin in its first second", countsOf([schedule({})]), [19]],
    ["more where it is played faster", countsOf([schedule({ speedup: 2 })]), [29]],
    ["those that are within its bounds", countsOf([schedule({ startOffsetMs: 5050, endOffsetMs: 5450 })]), [4]],
    ["no more than a schedule's ceiling", countsOf([schedule({ concurrencyCeiling: 6 })]), [6]],
    ["one where nothing is known", countsOf([{}]), [1]],
    ["none where connections are used once", countsOf([closed(8)], 1, { urls, connectionReuse: ConnectionReuse.NEVER }), [0, 0]],
  ];
  for (const [what, got, expected] of rows) it(`are ${what}`, () => expect(got).to.deep.equal(expected));
});

describe("the first turns of a dataset", () => {
  const packed = (timestampsMs: readonly number[]): Uint8Array => {
    const packer = new TimestampPacker();
    for (const atMs of timestampsMs) packer.add(atMs);
    return packer.packed();
  };
  const handle = (change: Omit<MessageInitShape<typeof DatasetHandleSchema>, "$typeName">) =>
    create(DatasetHandleSchema, { conversations: 3n, turnTimestamps: packed([30, 31, 10, Number.NaN, 20, 21]), ...change });

  it("are found whatever the number of turns, earliest first", () => {
    expect([...firstTurnsUs(handle({ turnsEach: 2 }))]).to.deep.equal([10_000, 20_000, 30_000]);
    expect([...firstTurnsUs(handle({ turnCounts: [3, 1, 2] }))]).to.deep.equal([20_000, 30_000]);
  });

  it("have no times where the dataset has none", () => {
    expect([...firstTurnsUs(handle({ turnsEach: 2, turnTimestamps: new Uint8Array(0) }))]).to.deep.equal([]);
  });
});
