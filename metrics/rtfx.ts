/**
 * Seconds of audio in the request / request latency in seconds: how much faster than it sounds it was worked on. Formula and
 * name: AIPerf, `rtfx`.
 */
import type { RecordMetric } from "./metric.ts";
import { requestLatency } from "./request-latency.ts";
import { ratePerSec } from "./units.ts";

export const rtfx: RecordMetric = {
  tag: "rtfx",
  header: "Inverse Real-Time Factor (RTFx)",
  unit: "ratio",
  consoleOrder: 850,
  isLargerBetter: true,
  value: (facts) => ratePerSec(facts.audioSeconds, requestLatency.value(facts)),
};
