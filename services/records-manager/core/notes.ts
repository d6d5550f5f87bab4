/** Notes on the workload: what a reader of a figure must know about it, without blame for the client. */
import { PERCENTILES } from "../../common/percentiles.ts";
import { type PercentileKey, type Statistics, selectedPercentiles } from "./statistics.ts";

/** Stable, for programs; `docs/validity.md` says when each is given. */
export const NOTE_CODES = [
  "few_samples",
  "drift",
  "no_steady_state",
  "coalesced_chunks",
  "truncated_answers",
  "length_limited_answers",
  "usage_mismatch",
  "usage_discrepancy",
  "usage_missing",
  "stream_ignored",
  "output_length",
  "burst_spread",
  "missed_rate",
  "prefix_sharing",
  "server_counts",
  "gpu_energy",
  "slow_host",
] as const;
export type NoteCode = (typeof NOTE_CODES)[number];

export interface WorkloadNote {
  readonly code: NoteCode;
  /** Tag of the metric it concerns; undefined: the phase. */
  readonly tag: string | undefined;
  readonly message: string;
}

/** So many values must lie beyond a percentile: with fewer it is one or two requests' luck. */
const SAMPLES_BEYOND = 10;

/** Percentiles that fewer than ten of `count` values lie beyond, counted towards the nearer end. */
export function thinPercentiles(count: number): PercentileKey[] {
  return PERCENTILES.filter((percentile) => count < samplesNeeded(percentile)).map((percentile) => `p${percentile}` as const);
}

/** 1000 for p99 and p1, 200 for p95 and p5, 20 for the median. */
function samplesNeeded(percentile: number): number {
  return (SAMPLES_BEYOND * 100) / Math.min(percentile, 100 - percentile);
}

/** Names the percentiles above the median that too few values lie beyond; undefined when all are sound. */
export function fewSamplesNote(tag: string, { count }: Statistics): WorkloadNote | undefined {
  const upper = PERCENTILES.filter((percentile) => percentile >= 50 && count < samplesNeeded(percentile));
  if (upper.length === 0) return undefined;
  const needs = upper.map((percentile) => `p${percentile} (${samplesNeeded(percentile)} needed)`).join(", ");
  return { code: "few_samples", tag, message: `${count} samples: fewer than ${SAMPLES_BEYOND} lie beyond ${needs}` };
}

/** Fewer requests than this say nothing about a trend. */
const MIN_TREND_SAMPLES = 150;
/** How far the medians of the first and the last third may be apart. */
const MAX_DRIFT = 0.2;

/** Compares the first and the last third of `values`, in the order of sending. */
export function driftNote(tag: string, values: Float64Array): WorkloadNote | undefined {
  if (values.length < MIN_TREND_SAMPLES) return undefined;
  const third = Math.floor(values.length / 3);
  const early = medianOf(values.subarray(0, third));
  const late = medianOf(values.subarray(-third));
  const drift = Math.abs(late - early) / early;
  if (!(drift > MAX_DRIFT)) return undefined;
  const medians = `median ${early.toPrecision(4)} in the first third, ${late.toPrecision(4)} in the last`;
  return { code: "drift", tag, message: `it drifts: ${medians}` };
}

/** `hasWindow`: a steady window was found; undefined: too few requests to look for one. */
export function steadyStateNote(hasWindow: boolean | undefined): WorkloadNote | undefined {
  if (hasWindow !== false) return undefined;
  const message = "no steady state: nowhere in a quarter of the phase do requests in flight and rates hold their level";
  return { code: "no_steady_state", tag: undefined, message };
}

/** Share of content chunks that may arrive together with the one before. */
const MAX_COALESCED_SHARE = 0.1;

/** `gaps` = chunks with content that had one before them; `coalesced` of these share its stamp. */
export function coalescedNote(gaps: number, coalesced: number): WorkloadNote | undefined {
  if (gaps === 0 || coalesced <= MAX_COALESCED_SHARE * gaps) return undefined;
  const share = `${((100 * coalesced) / gaps).toFixed(1)} %`;
  const message = `${share} of the chunks arrived together with the one before: gaps between tokens are the network's, not the model's`;
  return { code: "coalesced_chunks", tag: "inter_chunk_latency", message };
}

/** How far the rate of the sends may be below the one that was asked for. */
const MAX_MISSED_SHARE = 0.1;
/** Arrivals by chance are off by their standard error; what is further off than three of them is not chance. */
const STANDARD_ERRORS = 3;

/** `askedPerSec`: of a load by one rate; undefined: it was none. `count` requests were sent at `sentPerSec`. */
export function missedRateNote(
  askedPerSec: number | undefined,
  { count, sentPerSec }: { readonly count: number; readonly sentPerSec: number | undefined },
): WorkloadNote | undefined {
  if (askedPerSec === undefined || sentPerSec === undefined) return undefined;
  const missed = 1 - sentPerSec / askedPerSec;
  if (missed <= Math.max(MAX_MISSED_SHARE, STANDARD_ERRORS / Math.sqrt(count))) return undefined;
  const [sent, asked] = [sentPerSec, askedPerSec].map((rate) => String(Number(rate.toPrecision(4))));
  const message = `${sent} requests per second were sent, ${asked} were asked for: latencies are those of the lower rate`;
  return { code: "missed_rate", tag: undefined, message };
}

/** How far the median output may be from the length that was asked for, in percent. */
const MAX_LENGTH_MISMATCH_PERCENT = 5;

/** `mismatch` = statistics of the signed difference to the output length that was asked for, in percent of it. */
export function outputLengthNote(tag: string, mismatch: Statistics | undefined): WorkloadNote | undefined {
  if (mismatch === undefined || Math.abs(mismatch.p50) <= MAX_LENGTH_MISMATCH_PERCENT) return undefined;
  const percent = Math.abs(mismatch.p50).toFixed(1);
  const direction = mismatch.p50 < 0 ? "shorter" : "longer";
  return { code: "output_length", tag, message: `the median answer is ${percent} % ${direction} than was asked for` };
}

/** How many of a phase's `completed` answers have a peculiarity. */
export interface AnswerCounts {
  readonly completed: number;
  /** Broke off before their end. */
  readonly truncated: number;
  /** Ended at their length limit. */
  readonly lengthLimited: number;
  /** Came with a usage that contradicts what was sent. */
  readonly usageMismatch: number;
  /** Came with a usage that is more than 10 % off what was counted. */
  readonly usageDiscrepancy: number;
  /** Came without a count of their tokens, which were counted here, or by nobody. */
  readonly countedHere: number;
  readonly uncounted: number;
  /** Came whole although a stream was asked for. */
  readonly streamIgnored: number;
}

export function answerNotes(counts: AnswerCounts): WorkloadNote[] {
  const rows: readonly (readonly [code: NoteCode, count: number, what: string])[] = [
    ["truncated_answers", counts.truncated, "broke off before their end"],
    ["length_limited_answers", counts.lengthLimited, "ended at their length limit"],
    ["usage_mismatch", counts.usageMismatch, "came with token counts that contradict what was sent"],
    ["usage_discrepancy", counts.usageDiscrepancy, "came with token counts more than 10 % off what Assay counts"],
    ["usage_missing", counts.countedHere, "came without token counts: they are by Assay's tokenizer"],
    ["usage_missing", counts.uncounted, "came without token counts, and nothing counts them: there are no figures of tokens"],
    ["stream_ignored", counts.streamIgnored, "came whole although a stream was asked for"],
  ];
  return rows
    .filter(([, count]) => count > 0)
    .map(([code, count, what]) => ({ code, tag: undefined, message: `${count} of ${counts.completed} answers ${what}` }));
}

function medianOf(values: Float64Array): number {
  return selectedPercentiles(values, [50]).get(50) ?? Number.NaN;
}
