/**
 * The verdict on the client: how far a run's figures can be trusted, from what was measured of the client itself. It says
 * nothing about the target. The worst rule that holds decides; each that holds gives a reason.
 */
import { type ClientUsage, highest } from "./client-usage.ts";
import {
  arrivalsReason,
  bunchingReason,
  burstReason,
  connectionReason,
  latenessReason,
  lateStartReason,
  type PhaseEvidence,
  turnaroundReason,
} from "./phase-rules.ts";
import { graded, invalid, ms, percent, suspect, type Verdict, type VerdictCode, type VerdictReason } from "./verdict-reason.ts";

/** What was measured of the client. Undefined: it does not apply, or was not measured. */
export interface ClientEvidence {
  readonly usage: Pick<ClientUsage, "loopUtilisationMax" | "blockedShare" | "gcShare" | "fdShareMax">;
  /** How each measured phase was sent. */
  readonly phases: readonly PhaseEvidence[];
  /** Largest error of a clock offset between two hosts; 0 on one host. */
  readonly clockUncertaintyNs: number;
  /** Credits drawn in measured phases. */
  readonly drawn: number;
  readonly missing: number;
  /** Requests for which no connection could be opened here, whatever the target. */
  readonly unconnected: number;
  readonly late: number;
  readonly conflicts: number;
  readonly isAccountComplete: boolean;
  /** Times a worker woke up after its lease had ended: its requests may have overlapped with its successor's. */
  readonly fencedOverruns: number;
  /** Credits that came back in a way no rule of the protocol allows. */
  readonly protocolViolations: number;
  /** Times a worker stopped sending because its outbox was full. */
  readonly outboxStops: number;
}

/** Above it, what a worker does for one request delays another's stamps noticeably; */
export const SUSPECT_LOOP_UTILISATION = 0.7;
/** above this one, the worker itself is what was measured. */
const INVALID_LOOP_UTILISATION = 0.95;
/** A stamp that falls into a standstill is late by what is left of it: above this share, more than one stamp in a hundred is. */
const SUSPECT_BLOCKED_SHARE = 0.01;
const INVALID_BLOCKED_SHARE = 0.1;
/** A worker at half load collects for a few percent of its time. */
const SUSPECT_GC_SHARE = 0.1;
const INVALID_GC_SHARE = 0.3;
/** A clock's error above this share of the reported lateness makes the lateness a guess. */
const SUSPECT_CLOCK_SHARE = 0.1;
/** Missing records, and requests that this side could not send, above this share could hide a whole class of answers. */
const INVALID_MISSING_SHARE = 0.01;
/** From here on a connection that has to be opened may fail for want of a descriptor or a port. */
const SUSPECT_RESOURCE_SHARE = 0.9;

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
  ({ usage: { loopUtilisationMax: value } }) =>
    graded("loop_utilisation", value, SUSPECT_LOOP_UTILISATION, INVALID_LOOP_UTILISATION, (bound) => {
      return `a worker's event loop was busy ${percent(value)} of a second, above ${percent(bound)}`;
    }),
  ({ usage: { blockedShare: value } }) =>
    graded("loop_blocked", value, SUSPECT_BLOCKED_SHARE, INVALID_BLOCKED_SHARE, (bound) => {
      return `a worker's event loop stood still for more than 10 ms in ${percent(value)} of the time, above ${percent(bound)}`;
    }),
  ({ usage: { gcShare: value } }) =>
    graded("gc_pauses", value, SUSPECT_GC_SHARE, INVALID_GC_SHARE, (bound) => {
      return `a worker collected garbage in ${percent(value)} of the time, above ${percent(bound)}`;
    }),
  ({ phases }) => worst(phases, latenessReason),
  ({ phases }) => worst(phases, lateStartReason),
  ({ phases }) => worst(phases, arrivalsReason),
  ({ phases }) => worst(phases, bunchingReason),
  ({ phases }) => worst(phases, burstReason),
  ({ phases }) => worst(phases, connectionReason),
  ({ phases }) => worst(phases, turnaroundReason),
  ({ clockUncertaintyNs, phases }) => {
    const latenessP99Ns = highest(phases.map(({ lateness }) => lateness?.p99Ns ?? Number.NaN));
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
  ({ usage: { fdShareMax: share } }) => used("fds", "a worker's file descriptors", share),
  ({ unconnected, drawn }) => {
    if (unconnected === 0) return undefined;
    const message = `${unconnected} of ${drawn} requests had no connection for want of a file descriptor or a local port`;
    return unconnected > INVALID_MISSING_SHARE * drawn ? invalid("no_sockets", message) : suspect("no_sockets", message);
  },
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

type PhaseRule = (phase: PhaseEvidence) => VerdictReason | undefined;

/** The reason of the first phase that is invalid, else of the first that is suspect. */
function worst(phases: readonly PhaseEvidence[], rule: PhaseRule): VerdictReason | undefined {
  const reasons = phases.map(rule).filter((reason) => reason !== undefined);
  return reasons.find(({ verdict }) => verdict === "invalid") ?? reasons[0];
}

function used(code: VerdictCode, what: string, share: number | undefined): VerdictReason | undefined {
  if (share === undefined || share < SUSPECT_RESOURCE_SHARE) return undefined;
  const message = `${percent(share)} of ${what} were in use`;
  return share >= 1 ? invalid(code, message) : suspect(code, message);
}
