import { aboveZero, count, type FlagTable, graceSeconds, uint32 } from "./flag.ts";
import { arrivalPatterns } from "./load.ts";

/** What is sent before the measured phases. Load and prefill bound are those of the measured phase where they are not given. */
export const warmUpFlags = {
  warmupRequestCount: {
    flag: "--warmup-request-count",
    aliases: ["--num-warmup-requests"],
    kind: count,
    value: "N",
    group: "Warm-up",
    doc: "unmeasured requests before the measured ones (default none); one of this and the next two switches the warm-up on",
  },
  warmupSessionCount: {
    flag: "--num-warmup-sessions",
    kind: count,
    value: "N",
    group: "Warm-up",
    doc: "unmeasured sessions, played whole",
  },
  warmupDurationSec: {
    flag: "--warmup-duration",
    kind: aboveZero,
    value: "SEC",
    group: "Warm-up",
    doc: "warm up for so many seconds; with a count, what comes first ends it",
  },
  warmupConcurrency: {
    flag: "--warmup-concurrency",
    kind: { is: "integer", min: 1, max: uint32 },
    value: "N",
    group: "Warm-up",
    doc: "its --concurrency (default: that of the measured phase)",
  },
  warmupPrefillConcurrency: {
    flag: "--warmup-prefill-concurrency",
    kind: { is: "integer", min: 1, max: uint32 },
    value: "N",
    group: "Warm-up",
    doc: "its --prefill-concurrency (default: that of the measured phase)",
  },
  warmupRequestRate: {
    flag: "--warmup-request-rate",
    kind: aboveZero,
    value: "PER_SEC",
    group: "Warm-up",
    doc: "its --request-rate (default: that of the measured phase)",
  },
  warmupArrivalPattern: {
    flag: "--warmup-arrival-pattern",
    kind: { is: "choice", of: arrivalPatterns },
    value: "PATTERN",
    group: "Warm-up",
    doc: "its --arrival-pattern (default: that of the measured phase)",
  },
  warmupConcurrencyRampSec: {
    flag: "--warmup-concurrency-ramp-duration",
    kind: aboveZero,
    value: "SEC",
    group: "Warm-up",
    doc: "its --concurrency-ramp-duration (default: that of the measured phase)",
  },
  warmupPrefillRampSec: {
    flag: "--warmup-prefill-concurrency-ramp-duration",
    kind: aboveZero,
    value: "SEC",
    group: "Warm-up",
    doc: "its --prefill-concurrency-ramp-duration (default: that of the measured phase)",
  },
  warmupRateRampSec: {
    flag: "--warmup-request-rate-ramp-duration",
    kind: aboveZero,
    value: "SEC",
    group: "Warm-up",
    doc: "its --request-rate-ramp-duration (default: that of the measured phase)",
  },
  warmupGraceSec: {
    flag: "--warmup-grace-period",
    kind: graceSeconds,
    value: "SEC",
    group: "Warm-up",
    doc: "wait so long for answers before the measured phase begins (default: for all of them)",
  },
} as const satisfies FlagTable;
