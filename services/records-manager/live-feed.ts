/**
 * Feeds a run's live figures. The histogram library is loaded when the feed starts, beside everything else that starts;
 * when it is there the figures are built from the rows that are committed by then, and fed by inserts from then on.
 */
import { recordMetrics } from "../../metrics/catalog.ts";
import type { MetricRecord } from "../common/metric-record.ts";
import { LiveFigures, type LiveHistogram, type LiveMetric, type LivePart, type LivePhase } from "./core/live.ts";
import { RunReader } from "./store/run-reader.ts";

/** What tables show. */
const LIVE_METRICS: readonly LiveMetric[] = recordMetrics
  .map((metric, index) => ({ metric, tag: metric.tag, index }))
  .filter(({ metric }) => metric.consoleOrder !== undefined)
  .map(({ tag, index }) => ({ tag, index }));

/** Three digits; one costs 75 kB, and grows with the largest value. */
const HISTOGRAM = {
  bitBucketSize: 32,
  autoResize: true,
  lowestDiscernibleValue: 1,
  highestTrackableValue: 100_000_000,
  numberOfSignificantValueDigits: 3,
} as const;

export class LiveFeed {
  #figures: LiveFigures | undefined;

  /**
   * Starts the feed of the run in `folder`, whose file must exist. Resolves when the figures are there, rows of an earlier
   * process included; `add` and `snapshot` may be called before.
   */
  async start(folder: string): Promise<void> {
    const hdr = await import("hdr-histogram-js");
    const figures = new LiveFigures(LIVE_METRICS, () => liveHistogram(hdr));
    // In one turn of the loop: what is committed up to here is read, what is committed later is added.
    rebuild(figures, folder);
    this.#figures = figures;
  }

  /** Counts records that were inserted, neither duplicate nor late. Called after their commit, in the same turn of the loop. */
  add(records: readonly MetricRecord[]): void {
    if (this.#figures === undefined) return;
    for (const record of records) this.#figures.add(record);
  }

  /** By phase, ascending, with the parts of others; undefined until the feed has started. */
  snapshot(others: readonly LivePart[] = []): LivePhase[] | undefined {
    return this.#figures?.snapshot(others);
  }

  /** For whoever has the run's file; nothing until the feed has started. */
  parts(): LivePart[] {
    return this.#figures?.parts() ?? [];
  }
}

function liveHistogram(hdr: typeof import("hdr-histogram-js")): LiveHistogram {
  const histogram = hdr.build(HISTOGRAM);
  return {
    get totalCount() {
      return histogram.totalCount;
    },
    get maxValue() {
      return histogram.maxValue;
    },
    recordValue: (value) => histogram.recordValue(value),
    getValueAtPercentile: (percentile) => histogram.getValueAtPercentile(percentile),
    addEncoded: (encoded) => histogram.add(hdr.decodeFromCompressedBase64(encoded)),
    encoded: () => hdr.encodeIntoCompressedBase64(histogram),
  };
}

const METRICS_AT = 4;

function rebuild(figures: LiveFigures, folder: string): void {
  // What other shards have they tell by themselves.
  const reader = RunReader.open(folder, true);
  try {
    const places = new Map(LIVE_METRICS.map((metric, index) => [metric, METRICS_AT + index]));
    for (const page of reader.pages(["phase", "is_cancelled", "error_code", ...LIVE_METRICS.map((metric) => metric.tag)])) {
      for (const row of page) {
        const valueOfMetric = (metric: LiveMetric) => (row[places.get(metric) ?? -1] as number | null) ?? Number.NaN;
        figures.addValues(row[1] as number, row[2] === 1, row[3] !== null, valueOfMetric);
      }
    }
  } finally {
    reader.close();
  }
}
