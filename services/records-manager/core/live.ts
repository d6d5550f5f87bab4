/**
 * Live figures of a run: counts and one histogram for each metric and phase, fed by records that were really inserted.
 * Approximate (three digits); final figures come from the rows.
 */
import type { MetricRecord } from "../../common/metric-record.ts";

/** What is needed of an HDR histogram: whole numbers ≥ 0 in. */
export interface LiveHistogram {
  readonly totalCount: number;
  readonly maxValue: number;
  readonly recordValue: (value: number) => void;
  readonly getValueAtPercentile: (percentile: number) => number;
  /** Takes in all values of another one, as if they had come here. */
  readonly addEncoded: (encoded: string) => void;
  readonly encoded: () => string;
}

/** What one records-manager of several has of a phase, to be added to what the others have. */
export interface LivePart {
  readonly phase: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  /** By tag. `sum` in thousandths of the metric's unit. */
  readonly histograms: ReadonlyMap<string, { readonly sum: number; readonly encoded: string }>;
}

export interface LiveMetric {
  readonly tag: string;
  /** Place in `MetricRecord.values`. */
  readonly index: number;
}

/** In the metric's unit. */
export interface LiveStatistics {
  readonly count: number;
  readonly avg: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface LivePhase {
  readonly phase: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  /** By tag; a metric without a value yet is absent. */
  readonly metrics: ReadonlyMap<string, LiveStatistics>;
}

/** Histograms take whole numbers: values are kept in thousandths of their unit (µs where it is ms). */
const SCALE = 1000;

interface PhaseFigures {
  succeeded: number;
  errored: number;
  cancelled: number;
  readonly histograms: (LiveHistogram | undefined)[];
  /** Of each metric's values, in thousandths: to take the mean of a histogram is to visit all its buckets. */
  readonly sums: number[];
}

export class LiveFigures {
  readonly #metrics: readonly LiveMetric[];
  readonly #newHistogram: () => LiveHistogram;
  readonly #phases = new Map<number, PhaseFigures>();

  /** `metrics` are those worth watching. A value below 0 (sent early) counts as 0, the least that a histogram holds. */
  constructor(metrics: readonly LiveMetric[], newHistogram: () => LiveHistogram) {
    this.#metrics = metrics;
    this.#newHistogram = newHistogram;
  }

  /** Counts one record. Called once for each `inserted`, after its commit; never for a duplicate or a late one. */
  add(record: MetricRecord): void {
    const figures = this.#finished(record.phase, record.isCancelled, record.error !== undefined);
    if (figures === undefined) return;
    for (let index = 0; index < this.#metrics.length; index++) {
      this.#record(figures, index, record.values[(this.#metrics[index] as LiveMetric).index] ?? Number.NaN);
    }
  }

  /** As `add`, for a row read back from the file. `readValue` gives NaN where the metric has no value. */
  addValues(phase: number, isCancelled: boolean, hasError: boolean, readValue: (metric: LiveMetric) => number): void {
    const figures = this.#finished(phase, isCancelled, hasError);
    if (figures === undefined) return;
    for (const [index, metric] of this.#metrics.entries()) this.#record(figures, index, readValue(metric));
  }

  /** What is here of every phase, for whoever adds it to others'. */
  parts(): LivePart[] {
    return [...this.#phases].map(([phase, { succeeded, errored, cancelled, histograms, sums }]) => {
      const kept = new Map<string, { readonly sum: number; readonly encoded: string }>();
      for (const [index, { tag }] of this.#metrics.entries()) {
        const histogram = histograms[index];
        if (histogram !== undefined) kept.set(tag, { sum: sums[index] ?? 0, encoded: histogram.encoded() });
      }
      return { phase, succeeded, errored, cancelled, histograms: kept };
    });
  }

  /** Figures of every phase that has a record here or in one of the parts, ascending. */
  snapshot(others: readonly LivePart[] = []): LivePhase[] {
    if (others.length > 0) return this.#joined(others).snapshot();
    return [...this.#phases]
      .sort(([a], [b]) => a - b)
      .map(([phase, { succeeded, errored, cancelled, histograms, sums }]) => {
        const metrics = new Map<string, LiveStatistics>();
        for (const [index, metric] of this.#metrics.entries()) {
          const histogram = histograms[index];
          if (histogram !== undefined) metrics.set(metric.tag, liveStatisticsOf(histogram, sums[index] ?? 0));
        }
        return { phase, succeeded, errored, cancelled, metrics };
      });
  }

  #joined(others: readonly LivePart[]): LiveFigures {
    const all = new LiveFigures(this.#metrics, this.#newHistogram);
    for (const part of [...this.parts(), ...others]) all.#addPart(part);
    return all;
  }

  #addPart({ phase, succeeded, errored, cancelled, histograms }: LivePart): void {
    const figures = this.#phase(phase);
    figures.succeeded += succeeded;
    figures.errored += errored;
    figures.cancelled += cancelled;
    for (const [index, { tag }] of this.#metrics.entries()) {
      const part = histograms.get(tag);
      if (part === undefined) continue;
      const histogram = figures.histograms[index] ?? this.#newHistogram();
      figures.histograms[index] = histogram;
      histogram.addEncoded(part.encoded);
      figures.sums[index] = (figures.sums[index] ?? 0) + part.sum;
    }
  }

  /** Counts how a request ended; its phase's figures where it has values. */
  #finished(phase: number, isCancelled: boolean, hasError: boolean): PhaseFigures | undefined {
    const figures = this.#phase(phase);
    if (isCancelled) figures.cancelled++;
    else if (hasError) figures.errored++;
    else {
      figures.succeeded++;
      return figures;
    }
    return undefined;
  }

  #record(figures: PhaseFigures, index: number, value: number): void {
    if (!Number.isFinite(value)) return;
    const histogram = figures.histograms[index] ?? this.#newHistogram();
    figures.histograms[index] = histogram;
    const scaled = Math.round(Math.max(value, 0) * SCALE);
    histogram.recordValue(scaled);
    figures.sums[index] = (figures.sums[index] ?? 0) + scaled;
  }

  #phase(phase: number): PhaseFigures {
    let figures = this.#phases.get(phase);
    if (figures === undefined) {
      figures = { succeeded: 0, errored: 0, cancelled: 0, histograms: [], sums: [] };
      this.#phases.set(phase, figures);
    }
    return figures;
  }
}

function liveStatisticsOf(histogram: LiveHistogram, sum: number): LiveStatistics {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / SCALE;
  const { totalCount: count, maxValue } = histogram;
  return { count, avg: sum / count / SCALE, p50: at(50), p90: at(90), p99: at(99), max: maxValue / SCALE };
}
