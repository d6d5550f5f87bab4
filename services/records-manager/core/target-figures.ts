/** Figures of each of several targets over one phase, from rows one at a time. Pure. */
import { interTokenLatency } from "../../../metrics/inter-token-latency.ts";
import type { RecordMetric } from "../../../metrics/metric.ts";
import { requestLatency } from "../../../metrics/request-latency.ts";
import { timeToFirstToken } from "../../../metrics/time-to-first-token.ts";
import { Column } from "./column.ts";
import type { MetricStatistics, TargetSummary } from "./run-summary.ts";
import { statisticsOf } from "./statistics.ts";

/** What is told of each target; each target has all other figures in the rows. */
export const targetMetrics: readonly RecordMetric[] = [requestLatency, timeToFirstToken, interTokenLatency];

interface Tally {
  succeeded: number;
  errored: number;
  cancelled: number;
  /** Of the metric that is gathered now. */
  values: Column;
  readonly metrics: MetricStatistics[];
}

/**
 * Counts first: `count` for every row, in any order. Then metric after metric, so that one column of each target is in memory at a
 * time: `add` for every value of succeeded requests, then `endMetric`.
 */
export class TargetFigures {
  readonly #labels: readonly string[];
  readonly #tallies: readonly Tally[];

  /** By index in the spec. */
  constructor(labels: readonly string[]) {
    this.#labels = labels;
    this.#tallies = labels.map(() => ({ succeeded: 0, errored: 0, cancelled: 0, values: new Column(), metrics: [] }));
  }

  count(target: number, outcome: "succeeded" | "errored" | "cancelled"): void {
    const tally = this.#tallies[target];
    if (tally !== undefined) tally[outcome]++;
  }

  add(target: number, value: number): void {
    this.#tallies[target]?.values.push(value);
  }

  endMetric({ tag, header, unit }: RecordMetric): void {
    for (const tally of this.#tallies) {
      const statistics = statisticsOf(tally.values.values());
      if (statistics !== undefined) tally.metrics.push({ tag, header, unit, statistics });
      tally.values = new Column();
    }
  }

  /** In the order of the spec. `requestThroughput`: of the whole phase, in requests per second; undefined: it has none. */
  summaries(requestThroughput: number | undefined): TargetSummary[] {
    const total = this.#tallies.reduce((sum, { succeeded }) => sum + succeeded, 0);
    return this.#tallies.map(({ succeeded, errored, cancelled, metrics }, index) => {
      const throughputShare = total === 0 ? 0 : succeeded / total;
      return {
        index,
        label: this.#labels[index] ?? "",
        succeeded,
        errored,
        cancelled,
        throughputShare,
        requestThroughput: throughputShare * (requestThroughput ?? 0),
        metrics,
      };
    });
  }
}
