/** The figures of phases in their steady windows alone: one more pass over the rows. */
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

/** By phase index, as `windows`. */
export function steadyStates(reader: RunReader, windows: ReadonlyMap<number, SteadyWindow>): Map<number, SteadyState> {
  if (windows.size === 0) return new Map();
  const shown = STEADY_METRICS.filter(({ tag }) => reader.metricTags.includes(tag));
  const works = new Map([...windows].map(([phase, window]) => [phase, newWork(window, shown.length)]));
  const columns = ["phase", "sent_ns", "end_ns", "is_cancelled", "error_code", outputSequenceLength.tag];
  const metricsAt = 1 + columns.length;
  for (const page of reader.pages([...columns, ...shown.map(({ tag }) => tag)])) {
    for (const row of page) {
      const work = works.get(row[1] as number);
      if (work === undefined) continue;
      const sentNs = row[2] as number;
      const isSuccess = row[4] === 0 && row[5] === null;
      if (isSuccess && isWithin(work.window, sentNs + (row[3] as number))) {
        work.ended++;
        work.tokens += (row[6] as number | null) ?? 0;
      }
      if (!isSuccess || !isWithin(work.window, sentNs)) continue;
      for (let index = 0; index < shown.length; index++) {
        const value = row[metricsAt + index] as number | null;
        if (value !== null) work.columns[index]?.push(value);
      }
    }
  }
  return new Map([...works].map(([phase, work]) => [phase, steadyState(work, shown)]));
}

interface Work {
  readonly window: SteadyWindow;
  readonly columns: readonly Column[];
  /** Succeeded requests that ended in the window, and their output tokens. */
  ended: number;
  tokens: number;
}

function newWork(window: SteadyWindow, metrics: number): Work {
  return { window, columns: Array.from({ length: metrics }, () => new Column()), ended: 0, tokens: 0 };
}

function isWithin({ startNs, endNs }: SteadyWindow, ns: number): boolean {
  return ns >= startNs && ns < endNs;
}

function steadyState({ window, columns, ended, tokens }: Work, shown: readonly RecordMetric[]): SteadyState {
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
    metrics: shown.flatMap(({ tag, header, unit }, index): MetricStatistics[] => {
      const statistics = statisticsOf(columns[index]?.values() ?? new Float64Array());
      return statistics === undefined ? [] : [{ tag, header, unit, statistics }];
    }),
    runMetrics: [...rate(requestThroughput, ended), ...rate(outputTokenThroughput, tokens)],
  };
}
