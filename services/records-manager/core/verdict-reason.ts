/** Reasons that a verdict on the client rests on: their codes, and how a figure is held against its bounds. */

export type Verdict = "valid" | "suspect" | "invalid";

export interface VerdictReason {
  /** Stable, for programs. */
  readonly code: VerdictCode;
  readonly verdict: Exclude<Verdict, "valid">;
  /** With the figure and the bound it passed. */
  readonly message: string;
}

/** In the order of the rules; `docs/validity.md` says of each why it is there. */
export const VERDICT_CODES = [
  "loop_utilisation",
  "loop_blocked",
  "gc_pauses",
  "lateness",
  "late_start",
  "arrivals",
  "bunched_arrivals",
  "burst_spread",
  "connection_waits",
  "turnaround",
  "clock_uncertainty",
  "missing_records",
  "late_records",
  "conflicts",
  "account_incomplete",
  "fds",
  "no_sockets",
  "fenced_overrun",
  "protocol_violation",
  "outbox_full",
] as const;
export type VerdictCode = (typeof VERDICT_CODES)[number];

/** Judges a figure that is worse the larger it is; undefined: it is not known, or within its bounds. `messageFor` gets the bound passed. */
export function graded(
  code: VerdictCode,
  value: number | undefined,
  suspectAbove: number,
  invalidAbove: number,
  messageFor: (bound: number) => string,
): VerdictReason | undefined {
  if (value === undefined || value <= suspectAbove) return undefined;
  return value > invalidAbove ? invalid(code, messageFor(invalidAbove)) : suspect(code, messageFor(suspectAbove));
}

export function suspect(code: VerdictCode, message: string): VerdictReason {
  return { code, verdict: "suspect", message };
}

export function invalid(code: VerdictCode, message: string): VerdictReason {
  return { code, verdict: "invalid", message };
}

/** `12.3 %`. */
export function percent(share: number | undefined): string {
  return `${((share ?? 0) * 100).toFixed(1)} %`;
}

/** `1.23 ms`. */
export function ms(ns: number | undefined): string {
  return `${((ns ?? 0) / 1e6).toFixed(2)} ms`;
}
