/** What a server's models did between two readings of `ModelStatistics`. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServedBatchSchema, ServedModelSchema, ServedTimeSchema } from "../../../gen/assay/records_manager/v1/served_pb.js";
import type { InferBatchStatistics, ModelStatistics, StatisticDuration } from "../../../gen/inference/statistics_pb.js";

export type ServedModelInit = Exclude<MessageInitShape<typeof ServedModelSchema>, { $typeName: string }>;
type Reading = readonly ModelStatistics[];
type Time = Exclude<MessageInitShape<typeof ServedTimeSchema>, { $typeName: string }>;
type Batch = Exclude<MessageInitShape<typeof ServedBatchSchema>, { $typeName: string }>;

/**
 * Models that did nothing meanwhile are left out. One whose counts fell was loaded anew, and has what it did since; one that was not there
 * before has all that it did. Phase and server are the caller's to add.
 */
export function servedBetween(before: Reading, after: Reading): ServedModelInit[] {
  return after.flatMap((model) => {
    const earlier = before.find(({ name, version }) => name === model.name && version === model.version);
    const isAnew = earlier === undefined || requestsOf(earlier) > requestsOf(model);
    const served = difference(isAnew ? undefined : earlier, model);
    const isIdle = served.success?.count === 0n && served.fail?.count === 0n && served.inferences === 0n;
    return isIdle ? [] : [served];
  });
}

/** Nothing has ended between the readings. */
export function isSettled(before: Reading, after: Reading): boolean {
  return before.length === after.length && servedBetween(before, after).length === 0;
}

function requestsOf({ inferenceStats }: ModelStatistics): bigint {
  return (inferenceStats?.success?.count ?? 0n) + (inferenceStats?.fail?.count ?? 0n);
}

function difference(before: ModelStatistics | undefined, after: ModelStatistics): ServedModelInit {
  const [from, to] = [before?.inferenceStats, after.inferenceStats];
  return {
    model: after.name,
    version: after.version,
    inferences: after.inferenceCount - (before?.inferenceCount ?? 0n),
    executions: after.executionCount - (before?.executionCount ?? 0n),
    success: passed(from?.success, to?.success),
    fail: passed(from?.fail, to?.fail),
    queue: passed(from?.queue, to?.queue),
    computeInput: passed(from?.computeInput, to?.computeInput),
    computeInfer: passed(from?.computeInfer, to?.computeInfer),
    computeOutput: passed(from?.computeOutput, to?.computeOutput),
    cacheHit: passed(from?.cacheHit, to?.cacheHit),
    cacheMiss: passed(from?.cacheMiss, to?.cacheMiss),
    firstResponse: passed(before?.responseStats["0"]?.computeInfer, after.responseStats["0"]?.computeInfer),
    batches: after.batchStats
      .map((batch) => batchBetween(before?.batchStats, batch))
      .filter(({ executions }) => executions !== 0n)
      .sort((one, other) => Number(one.size) - Number(other.size)),
  };
}

function passed(before: StatisticDuration | undefined, after: StatisticDuration | undefined): Time {
  return {
    count: (after?.count ?? 0n) - (before?.count ?? 0n),
    ns: Number((after?.ns ?? 0n) - (before?.ns ?? 0n)),
  };
}

function batchBetween(
  before: readonly InferBatchStatistics[] = [],
  { batchSize, computeInfer }: InferBatchStatistics,
): Batch & {
  readonly size: bigint;
} {
  const { count, ns } = passed(before.find((batch) => batch.batchSize === batchSize)?.computeInfer, computeInfer);
  return { size: batchSize, executions: count ?? 0n, computeInferNs: ns ?? 0 };
}
