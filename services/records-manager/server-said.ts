/** What the pages of servers say of each phase in common words, from a run's file. */
import { commonMeaning } from "../common/vocabulary/vocabulary.ts";
import { metricFigures } from "./core/telemetry/metric-figures.ts";
import type { SaidSeries } from "./core/telemetry/server-said.ts";
import { lifetimesOf, type PhaseWork } from "./phase-work.ts";
import { serverPoints } from "./server-figures.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Adds to each phase what was sampled of servers within it, of series that have a common name. */
export function readSaid(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): void {
  const phases = [...new Set(works.values())].map((work) => ({ work, windows: lifetimesOf(work), said: [] as SaidSeries[] }));
  // Sum and count are all that means are made of.
  const isWanted = (facts: Parameters<typeof commonMeaning>[0]): boolean =>
    !facts.name.endsWith("_bucket") && commonMeaning(facts) !== undefined;
  for (const { metric, points } of serverPoints(reader, isWanted)) {
    for (const series of metric.series) {
      for (const { windows, said } of phases) {
        const figures = metricFigures(metric.type, series, (id) => points.get(id), windows);
        if (figures === undefined) continue;
        said.push({ name: metric.name, family: metric.name, labels: series.labels, source: series.source, figures });
      }
    }
  }
  for (const { work, said } of phases) work.said = said;
}
