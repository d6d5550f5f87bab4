/** What people write for metrics and their units, in the languages of flags. Pure. */
import type { MetricUnit } from "../../metrics/metric.ts";

/** Units of what a filter may compare: those of metrics, and bytes. */
export type WrittenUnit = MetricUnit | "bytes";

/** Names for what people ask most, beside the tags. */
export const shortNames: Readonly<Record<string, string>> = {
  ttft: "time_to_first_token",
  ttst: "time_to_second_token",
  ttfot: "time_to_first_output_token",
  itl: "inter_token_latency",
  tpot: "inter_token_latency",
  icl: "inter_chunk_latency",
  latency: "request_latency",
  e2e: "request_latency",
  isl: "input_sequence_length",
  osl: "output_sequence_length",
  error_rate: "request_error_rate",
  correct_rate: "correct_request_rate",
  rps: "request_throughput",
  tps: "output_token_throughput",
};

/** Tag of what was named by a tag or one of `shortNames`. */
export function tagNamed(name: string): string {
  return (Object.hasOwn(shortNames, name) ? shortNames[name] : undefined) ?? name;
}

/** What one of the unit that was written is in `unit`; undefined: it is none of `unitFactors`. */
export function factorOf(unit: WrittenUnit, written: string): number | undefined {
  const factors = unitFactors(unit);
  const text = written.replace("μ", "µ");
  return Object.hasOwn(factors, text) ? factors[text] : undefined;
}

/** A number of a unit whose factor is given. Divides by whole numbers, so that 95 % is 0.95 and not the double beside it. */
export function scaled(value: number, factor: number): number {
  return factor < 1 ? value / Math.round(1 / factor) : value * factor;
}

/** What one of each unit that may be written is in `unit`. */
export function unitFactors(unit: WrittenUnit): Readonly<Record<string, number>> {
  switch (unit) {
    case "ms":
      return { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, sec: 1000, min: 60_000 };
    case "sec":
      return { ms: 1e-3, s: 1, sec: 1, min: 60, h: 3600 };
    case "ns":
      return { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, sec: 1e9 };
    case "ratio":
      return { "%": 0.01 };
    case "requests/sec":
      return { "requests/sec": 1, "req/s": 1, "/s": 1 };
    case "tokens/sec":
      return { "tokens/sec": 1, "tok/s": 1, "/s": 1 };
    case "tokens/sec/user":
      return { "tokens/sec/user": 1, "tok/s/user": 1, "tok/s": 1, "/s": 1 };
    case "tokens":
      return { tokens: 1, tok: 1 };
    case "bytes":
      return { bytes: 1, B: 1, KB: 1024, MB: 1024 ** 2 };
    case "KB":
      return { B: 1 / 1024, KB: 1, MB: 1024 };
    default:
      return { [unit]: 1 };
  }
}
