/**
 * The verdict on the client: how far a run's figures can be trusted, from what was measured of the client itself. It says
 * nothing about the target. The worst rule that holds decides; each that holds gives a reason.
 */

export type Verdict = "valid" | "suspect" | "invalid";

export interface VerdictReason {
  /** Stable, for programs. */
  readonly code: VerdictCode;
  readonly verdict: Exclude<Verdict, "valid">;
  /** With the figure and the bound it passed. */
  readonly message: string;
}

export type VerdictCode =
  | "loop_utilisation"
  | "lateness"
  | "arrivals"
  | "clock_uncertainty"
  | "missing_records"
  | "late_records"
  | "conflicts"
  | "account_incomplete"
  | "fds"
  | "ports"
  | "fenced_overrun"
  | "protocol_violation"
  | "outbox_full";

/** What was measured of the client. Undefined: it does not apply, or was not measured. */
export interface ClientEvidence {
  /** Highest loop utilisation of any worker in any second, 0 to 1. */
  readonly loopUtilisationMax: number | undefined;
  /** 99th percentile of sent − due. */
  readonly latenessP99Ns: number | undefined;
  /** The realised schedule against what was sent, for each phase that has one. */
  readonly arrivals: readonly Arrivals[];
  /** Largest error of a clock offset between two hosts; 0 on one host. */
  readonly clockUncertaintyNs: number;
  /** Credits drawn in measured phases. */
  readonly drawn: number;
  readonly missing: number;
  readonly late: number;
  readonly conflicts: number;
  readonly isAccountComplete: boolean;
  /** Highest share of a worker's file descriptors in use. */
  readonly fdShareMax: number | undefined;
  /** Highest share of the host's local ports in use. */
  readonly portShareMax: number | undefined;
  /** Times a worker woke up after its lease had ended: its requests may have overlapped with its successor's. */
  readonly fencedOverruns: number;
  /** Credits that came back in a way no rule of the protocol allows. */
  readonly protocolViolations: number;
  /** Times a worker stopped sending because its outbox was full. */
  readonly outboxStops: number;
}

export interface Arrivals {
  readonly count: number;
  /** From the first to the last due time. */
  readonly scheduledNs: number;
  /** From the first to the last send. */
  readonly sentNs: number;
}

/** Above it, what a worker does for one request delays another's stamps noticeably; */
export const SUSPECT_LOOP_UTILISATION = 0.7;
/** above this one, the worker itself is what was measured. */
export const INVALID_LOOP_UTILISATION = 0.95;
/** A pacer on timers keeps within 2 ms on a free machine; what passes 5 ms was held up. */
export const SUSPECT_LATENESS_P99_NS = 5e6;
/** The arrivals no longer follow the schedule that was asked for. */
export const INVALID_LATENESS_P99_NS = 100e6;
/** How far achieved arrivals may be off from the realised schedule. */
export const SUSPECT_ARRIVALS_SHARE = 0.01;
export const INVALID_ARRIVALS_SHARE = 0.1;
/** Below it, one late request at either end weighs more than the share allows. */
export const MIN_ARRIVALS = 20;
/** A clock's error above this share of the reported lateness makes the lateness a guess. */
export const SUSPECT_CLOCK_SHARE = 0.1;
/** Missing records above this share could hide a whole class of answers. */
export const INVALID_MISSING_SHARE = 0.01;
/** From here on a connection that has to be opened may fail for want of a descriptor or a port. */
export const SUSPECT_RESOURCE_SHARE = 0.9;

/** Pure; reasons in the order of the rules. */
export function clientVerdict(evidence: ClientEvidence): {
  readonly verdict: Verdict;
  readonly reasons: readonly VerdictReason[];
} {
  const reasons = RULES.map((rule) => rule(evidence)).filter((reason) => reason !== undefined);
  if (reasons.some((reason) => reason.verdict === "invalid")) return { verdict: "invalid", reasons };
  return { verdict: reasons.length > 0 ? "suspect" : "valid", reasons };
}

type Rule = (evidence: ClientEvidence) => VerdictReason | undefined;

const RULES: readonly Rule[] = [
  ({ loopUtilisationMax: value }) =>
    graded("loop_utilisation", value, SUSPECT_LOOP_UTILISATION, INVALID_LOOP_UTILISATION, (bound) => {
      return `a worker's event loop was busy ${percent(value)} of a second, above ${percent(bound)}`;
    }),
  ({ latenessP99Ns: value }) =>
    graded("lateness", value, SUSPECT_LATENESS_P99_NS, INVALID_LATENESS_P99_NS, (bound) => {
      return `1 % of the requests were sent ${ms(value)} or more after they were due, above ${ms(bound)}`;
    }),
  ({ arrivals }) => {
    const worst = arrivals
      .filter((phase) => phase.count >= MIN_ARRIVALS && phase.scheduledNs > 0)
      .sort((a, b) => arrivalsOff(b) - arrivalsOff(a))[0];
    if (worst === undefined) return undefined;
    const off = arrivalsOff(worst);
    return graded("arrivals", off, SUSPECT_ARRIVALS_SHARE, INVALID_ARRIVALS_SHARE, (bound) => {
      const spans = `${worst.count} requests scheduled over ${ms(worst.scheduledNs)} were sent over ${ms(worst.sentNs)}`;
      return `${spans}: off by ${percent(off)}, above ${percent(bound)}`;
    });
  },
  ({ clockUncertaintyNs, latenessP99Ns }) => {
    if (latenessP99Ns === undefined || clockUncertaintyNs <= SUSPECT_CLOCK_SHARE * latenessP99Ns) return undefined;
    const figures = `clocks of two hosts are known to ${ms(clockUncertaintyNs)} only, lateness p99 is ${ms(latenessP99Ns)}`;
    return suspect("clock_uncertainty", figures);
  },
  ({ missing, drawn }) => {
    if (missing === 0) return undefined;
    const message = `${missing} of ${drawn} credits have no record`;
    return missing > INVALID_MISSING_SHARE * drawn ? invalid("missing_records", message) : suspect("missing_records", message);
  },
  ({ late }) => (late > 0 ? suspect("late_records", `${late} records came after their phase was closed`) : undefined),
  ({ conflicts }) => {
    return conflicts > 0
      ? invalid("conflicts", `${conflicts} records belong to credits that were not sent by any account`)
      : undefined;
  },
  ({ isAccountComplete }) => {
    return isAccountComplete ? undefined : suspect("account_incomplete", "timing gave no complete account of a phase");
  },
  ({ fdShareMax: share }) => used("fds", "a worker's file descriptors", share),
  ({ portShareMax: share }) => used("ports", "a host's local ports", share),
  ({ fencedOverruns: count }) => {
    return count > 0 ? suspect("fenced_overrun", `${count} times a frozen worker woke up after its lease had ended`) : undefined;
  },
  ({ protocolViolations: count }) => {
    return count > 0
      ? invalid("protocol_violation", `${count} credits came back in a way the protocol does not allow`)
      : undefined;
  },
  ({ outboxStops: count }) => {
    return count > 0 ? suspect("outbox_full", `workers stopped sending ${count} times because records piled up`) : undefined;
  },
];

/** Difference between the rate that was sent and the one that was scheduled, as a share of the latter. */
function arrivalsOff({ scheduledNs, sentNs }: Arrivals): number {
  return Math.abs(sentNs / scheduledNs - 1);
}

function graded(
  code: VerdictCode,
  value: number | undefined,
  suspectAbove: number,
  invalidAbove: number,
  messageFor: (bound: number) => string,
): VerdictReason | undefined {
  if (value === undefined || value <= suspectAbove) return undefined;
  return value > invalidAbove ? invalid(code, messageFor(invalidAbove)) : suspect(code, messageFor(suspectAbove));
}

function used(code: VerdictCode, what: string, share: number | undefined): VerdictReason | undefined {
  if (share === undefined || share < SUSPECT_RESOURCE_SHARE) return undefined;
  const message = `${percent(share)} of ${what} were in use`;
  return share >= 1 ? invalid(code, message) : suspect(code, message);
}

function suspect(code: VerdictCode, message: string): VerdictReason {
  return { code, verdict: "suspect", message };
}

function invalid(code: VerdictCode, message: string): VerdictReason {
  return { code, verdict: "invalid", message };
}

function percent(share: number | undefined): string {
  return `${((share ?? 0) * 100).toFixed(1)} %`;
}

function ms(ns: number | undefined): string {
  return `${((ns ?? 0) / 1e6).toFixed(2)} ms`;
}
