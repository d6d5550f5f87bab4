/**
 * What was in flight over the time of a phase: metrics whose statistics are weighted by time, not by requests. A table in one file, since they
 * are fourteen views of one thing. Names, headers and formulas: AIPerf's sweep line.
 */
import type { Metric, MetricUnit } from "./metric.ts";

/** What was in flight at a moment. Rates in tokens/s. */
export interface InFlight {
  readonly requests: number;
  /** Streams before their first token, and after it. */
  readonly prefilling: number;
  readonly decoding: number;
  /** Σ input tokens / (first token − sent) of streams before their first token. */
  readonly prefillRate: number;
  /** Σ (output tokens − 1) / (end − first token) of streams after it. */
  readonly decodeRate: number;
  readonly tokens: number;
}

/** A distribution over time. */
export interface SweepMetric extends Metric {
  readonly formula: string;
  /** The same function where metrics differ in nothing but the time that counts. */
  readonly ofLevel: (level: InFlight) => number;
  /** Only time in which this holds counts; absent: all of the phase. Where it does not hold, `ofLevel` is 0. */
  readonly isActive?: (level: InFlight) => boolean;
}

function metric(
  tag: string,
  header: string,
  unit: MetricUnit,
  rest: Pick<SweepMetric, "formula" | "ofLevel" | "isActive">,
): SweepMetric {
  const isLargerBetter = unit !== "requests" && unit !== "tokens";
  return { tag, header, unit, consoleOrder: undefined, isLargerBetter, group: "hidden", flags: ["no_record"], ...rest };
}

function per(rate: number, users: number): number {
  return users === 0 ? 0 : rate / users;
}

const decodeRateOf = ({ decodeRate }: InFlight): number => decodeRate;
const prefillRateOf = ({ prefillRate }: InFlight): number => prefillRate;
const totalRate = ({ prefillRate, decodeRate }: InFlight): number => prefillRate + decodeRate;
const decodePerUser = ({ decodeRate, decoding }: InFlight): number => per(decodeRate, decoding);
const prefillPerUser = ({ prefillRate, prefilling }: InFlight): number => per(prefillRate, prefilling);
const isDecoding = ({ decoding }: InFlight): boolean => decoding > 0;
const isPrefilling = ({ prefilling }: InFlight): boolean => prefilling > 0;

export const sweepMetrics: readonly SweepMetric[] = [
  metric("effective_concurrency", "Effective Concurrency", "requests", {
    formula: "Requests in flight, failed ones too, weighted by time.",
    ofLevel: ({ requests }) => requests,
  }),
  metric("effective_decode_throughput", "Effective Decode Throughput", "tokens/sec", {
    formula: "Σ (output tokens − 1) / (end − first token) over the streams after their first token, weighted by time.",
    ofLevel: decodeRateOf,
  }),
  metric("effective_prefill_throughput", "Effective Prefill Throughput", "tokens/sec", {
    formula: "Σ input tokens / (first token − sent) over the streams before their first token, weighted by time.",
    ofLevel: prefillRateOf,
  }),
  metric("effective_decode_concurrency", "Effective Decode Concurrency", "requests", {
    formula: "Streams in flight after their first token, weighted by time.",
    ofLevel: ({ decoding }) => decoding,
  }),
  metric("effective_prefill_concurrency", "Effective Prefill Concurrency", "requests", {
    formula: "Streams in flight before their first token, weighted by time.",
    ofLevel: ({ prefilling }) => prefilling,
  }),
  metric("effective_total_throughput", "Effective Total Throughput", "tokens/sec", {
    formula: "Effective decode throughput + effective prefill throughput, moment by moment.",
    ofLevel: totalRate,
  }),
  metric("effective_decode_throughput_per_user", "Effective Decode Throughput Per User", "tokens/sec/user", {
    formula: "Effective decode throughput / effective decode concurrency, moment by moment; 0 where nothing decodes.",
    ofLevel: decodePerUser,
  }),
  metric("effective_prefill_throughput_per_user", "Effective Prefill Throughput Per User", "tokens/sec/user", {
    formula: "Effective prefill throughput / effective prefill concurrency, moment by moment; 0 where nothing prefills.",
    ofLevel: prefillPerUser,
  }),
  metric("tokens_in_flight", "Tokens In Flight", "tokens", {
    formula:
      "Σ input tokens of requests in flight + Σ output tokens of those after their first token, weighted by time: what a server's cache has to hold.",
    ofLevel: ({ tokens }) => tokens,
  }),
  metric("active_decode_throughput", "Active Decode Throughput", "tokens/sec", {
    formula: "As `effective_decode_throughput`, of the time alone in which something decodes.",
    ofLevel: decodeRateOf,
    isActive: isDecoding,
  }),
  metric("active_prefill_throughput", "Active Prefill Throughput", "tokens/sec", {
    formula: "As `effective_prefill_throughput`, of the time alone in which something prefills.",
    ofLevel: prefillRateOf,
    isActive: isPrefilling,
  }),
  metric("active_decode_throughput_per_user", "Active Decode Throughput Per User", "tokens/sec/user", {
    formula: "As `effective_decode_throughput_per_user`, of the time alone in which something decodes.",
    ofLevel: decodePerUser,
    isActive: isDecoding,
  }),
  metric("active_prefill_throughput_per_user", "Active Prefill Throughput Per User", "tokens/sec/user", {
    formula: "As `effective_prefill_throughput_per_user`, of the time alone in which something prefills.",
    ofLevel: prefillPerUser,
    isActive: isPrefilling,
  }),
  metric("active_total_throughput", "Active Total Throughput", "tokens/sec", {
    formula: "As `effective_total_throughput`, of the time alone in which something is in flight.",
    ofLevel: totalRate,
    isActive: ({ requests }) => requests > 0,
  }),
];
