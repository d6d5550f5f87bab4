/** How much of what was sent a worker keeps, to send it again without fetching and making it anew. Pure. */
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, Sampling } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetHandle } from "../../../gen/assay/controller/v1/controller_service_pb.js";

export interface Bounds {
  /** What is kept where it is worth it. */
  readonly mostBytes: number;
  /** What the smallest thing takes that is kept. */
  readonly leastBytes: number;
}

type Phases = Pick<RunSpec, "phases">;
type Shape = Pick<DatasetHandle, "conversations" | "turnsEach" | "turnCounts" | "sampling">;

/**
 * 0 where nothing of it is sent again as long as it is kept: a schedule sends each conversation once, and whoever draws in turn from more than there
 * is room for has lost each before it comes again. What is kept for nothing grows old, and a collection looks at all of it: 30 to 40 ms with 150 MB.
 */
export function worthKeepingBytes({ phases }: Phases, dataset: Shape, { mostBytes, leastBytes }: Bounds): number {
  const measured = phases.filter(({ kind }) => kind !== PhaseKind.WARMUP);
  if (measured.length > 0 && measured.every(({ load }) => load.case === "schedule")) return 0;
  const isDrawnInTurn = dataset.sampling === Sampling.SEQUENTIAL || dataset.sampling === Sampling.SHUFFLE;
  return isDrawnInTurn && turnsOf(dataset) * leastBytes > mostBytes ? 0 : mostBytes;
}

function turnsOf({ conversations, turnsEach, turnCounts }: Shape): number {
  return turnsEach > 0 ? turnsEach * Number(conversations) : turnCounts.reduce((sum, turns) => sum + turns, 0);
}
