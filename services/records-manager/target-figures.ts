/** Reads the figures of each of several targets from a run's rows. */
import { forEachOf } from "./chunk-values.ts";
import { TargetFigures, targetMetrics } from "./core/target-figures.ts";
import type { RunReader } from "./store/run-reader.ts";

/**
 * By what the phases belong to; empty where there is one target, of which nothing is to be told apart. One pass over the rows for
 * each metric.
 * @param works by phase index; several phases may be taken together
 */
export function readTargetFigures<Work>(
  reader: RunReader,
  works: ReadonlyMap<number, Work>,
  labels: readonly string[],
): Map<Work, TargetFigures> {
  const figures = new Map<Work, TargetFigures>();
  if (labels.length < 2) return figures;
  for (const work of works.values()) figures.set(work, new TargetFigures(labels));
  const byPhase = new Map(
    [...works].flatMap(([phase, work]) => [[phase, figures.get(work) ?? new TargetFigures(labels)] as const]),
  );
  const metrics = targetMetrics.filter(({ tag }) => reader.metricTags.includes(tag));
  for (const [index, metric] of metrics.entries()) {
    for (const chunk of reader.chunks(["is_cancelled", "error_code", "target", metric.tag])) {
      const [isCancelled, errorCodes, targets, values] = chunk.columns;
      forEachOf(chunk, byPhase, (place, tally) => {
        const target = targets?.[place] as number;
        const outcome = isCancelled?.[place] === 1 ? "cancelled" : Number.isNaN(errorCodes?.[place]) ? "succeeded" : "errored";
        if (index === 0) tally.count(target, outcome);
        const value = values?.[place] as number;
        if (outcome === "succeeded" && !Number.isNaN(value)) tally.add(target, value);
      });
    }
    for (const tally of figures.values()) tally.endMetric(metric);
  }
  return figures;
}
