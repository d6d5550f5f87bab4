/** Reads what was in flight over each phase: one pass over the rows, in the order in which they were sent. */
import { inputSequenceLength } from "../../metrics/input-sequence-length.ts";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { timeToFirstToken } from "../../metrics/time-to-first-token.ts";
import { SweepLine } from "./core/sweep-line.ts";
import type { PhaseWork } from "./phase-work.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Adds the statistics to those of each work. */
export function readSweep(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): void {
  const lines = new Map([...works.values()].map((work) => [work, new SweepLine()]));
  const columns = ["phase", "end_ns", timeToFirstToken.tag, inputSequenceLength.tag, outputSequenceLength.tag];
  for (const [startNs, phase, afterNs, ttftMs, inputTokens, outputTokens] of reader.bySendTime(columns) as Iterable<SweepRow>) {
    const work = works.get(phase);
    const line = work && lines.get(work);
    line?.add({
      startNs,
      firstTokenNs: ttftMs === null ? undefined : startNs + ttftMs * 1e6,
      endNs: startNs + afterNs,
      inputTokens: inputTokens ?? undefined,
      outputTokens: outputTokens ?? undefined,
    });
  }
  for (const [work, line] of lines) {
    for (const [tag, statistics] of line.finish()) work.statistics.set(tag, statistics);
  }
}

type SweepRow = [number, number, number, number | null, number | null, number | null];
