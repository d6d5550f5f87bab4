/** The figures of phases in their steady windows alone: a pass over the rows for each metric. */
import { interTokenLatency } from "../../metrics/inter-token-latency.ts";
import type { RecordMetric, RunMetric } from "../../metrics/metric.ts";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { outputTokenThroughput } from "../../metrics/output-token-throughput.ts";
import { outputTokenThroughputPerUser } from "../../metrics/output-token-throughput-per-user.ts";
import { requestLatency } from "../../metrics/request-latency.ts";
import { requestThroughput } from "../../metrics/request-throughput.ts";
import { responseTime } from "../../metrics/response-time.ts";
import { timeToFirstToken } from "../../metrics/time-to-first-token.ts";
import { timeToSecondToken } from "../../metrics/time-to-second-token.ts";
import { forEachOf, OUTCOME_COLUMNS, pushValues, successesOf } from "./chunk-values.ts";
import { Column } from "./core/column.ts";
import type { MetricStatistics, MetricValue, SteadyState } from "./core/run-summary.ts";
import { statisticsOf } from "./core/statistics.ts";
import type { SteadyWindow } from "./core/steady-state.ts";
import type { RunReader } from "./store/run-reader.ts";

/** What a warm-up and a drain move: times and output rates of requests. */
const STEADY_METRICS: readonly RecordMetric[] = [
  timeToFirstToken,
  timeToSecondToken,
  interTokenLatency,
  requestLatency,
  responseTime,
  outputTokenThroughputPerUser,
];

/** By phase index, as `windows`. One metric at a time, so that one column is in memory. */
export function steadyStates(reader: RunReader, windows: ReadonlyMap<number, SteadyWindow>): Map<number, SteadyState> {
  if (windows.size === 0) return new Map();
  const shown = STEADY_METRICS.filter(({ tag }) => reader.metricTags.includes(tag));
  const works = new Map([...windows].map(([phase, window]) => [phase, newWork(window)]));
  readEnds(reader, works);
  for (const { tag, header, unit } of shown) {
    for (const chunk of reader.chunks([...OUTCOME_COLUMNS, "sent_ns", tag])) {
      const isTaken = successesOf(chunk);
      const [, , sentNs] = chunk.columns;
      forEachOf(chunk, windows, (place, window) => {
        if (!isWithin(window, sentNs?.[place] as number)) isTaken[place] = 0;
      });
      pushValues(chunk, OUTCOME_COLUMNS.length + 1, isTaken, (phase) => works.get(phase)?.values);
    }
    for (const work of works.values()) {
      const statistics = statisticsOf(work.values.values());
      if (statistics !== undefined) work.metrics.push({ tag, header, unit, statistics });
      work.values.clear();
    }
  }
  return new Map([...works].map(([phase, work]) => [phase, steadyState(work)]));
}

/** Counts what ended in the windows. */
function readEnds(reader: RunReader, works: ReadonlyMap<number, Work>): void {
  for (const chunk of reader.chunks([...OUTCOME_COLUMNS, "sent_ns", "end_ns", outputSequenceLength.tag])) {
    const isSuccess = successesOf(chunk);
    const [, , sentNs, endNs, tokens] = chunk.columns;
    forEachOf(chunk, works, (place, work) => {
      if (isSuccess[place] === 0 || !isWithin(work.window, (sentNs?.[place] as number) + (endNs?.[place] as number))) return;
      work.ended++;
      work.tokens += tokens?.[place] || 0;
    });
  }
}

interface Work {
  readonly window: SteadyWindow;
  /** Of the metric that is gathered now. */
  readonly values: Column;
  readonly metrics: MetricStatistics[];
  /** Succeeded requests that ended in the window, and their output tokens. */
  ended: number;
  tokens: number;
}

function newWork(window: SteadyWindow): Work {
  return { window, values: new Column(window.sends), metrics: [], ended: 0, tokens: 0 };
}

function isWithin({ startNs, endNs }: SteadyWindow, ns: number): boolean {
  return ns >= startNs && ns < endNs;
}

function steadyState({ window, metrics, ended, tokens }: Work): SteadyState {
  const { originNs, startNs, endNs, sends, inFlight } = window;
  const sec = (endNs - startNs) / 1e9;
  const rate = ({ tag, header, unit }: RunMetric, count: number): MetricValue[] => {
    return count === 0 ? [] : [{ tag, header, unit, value: count / sec }];
  };
  return {
    startNs: startNs - originNs,
    endNs: endNs - originNs,
    sends,
    inFlight,
    metrics,
    runMetrics: [...rate(requestThroughput, ended), ...rate(outputTokenThroughput, tokens)],
  };
}
