/** Rules of the verdict on the client about how one measured phase was sent: `docs/validity.md` gives the reason of each. */
import type { SendFigures } from "./send-log.ts";
import { graded, invalid, ms, percent, suspect, type VerdictReason } from "./verdict-reason.ts";

export interface PhaseEvidence {
  /** Sent − due; undefined: nothing had a due time. */
  readonly lateness: LatenessEvidence | undefined;
  /** The realised schedule against what was sent; undefined: there was none, or a ceiling rightly held requests back. */
  readonly arrivals: Arrivals | undefined;
  readonly sends: Pick<SendFigures, "count" | "dispersion" | "bursts" | "firstLatenessNs" | "connectionWaits" | "turnaround">;
  /** The spec asks for a connection of its own for each request. */
  readonly opensAlways: boolean;
}

export interface LatenessEvidence {
  readonly count: number;
  readonly p99Ns: number;
  /** Requests that were later than the two bounds. */
  readonly overSuspect: number;
  readonly overInvalid: number;
}

export interface Arrivals {
  readonly count: number;
  /** From the first to the last due time. */
  readonly scheduledNs: number;
  /** From the first to the last send. */
  readonly sentNs: number;
}

/** A pacer on timers keeps within 2 ms on a free machine; what passes 5 ms was held up. */
export const SUSPECT_LATENESS_NS = 5e6;
/** The arrivals no longer follow the schedule that was asked for. */
export const INVALID_LATENESS_NS = 100e6;
/** Requests that may be later than that, as a share of all, and in any case: one hiccup of a short run is none of its figures. */
const LATE_SHARE = 0.01;
const LATE_COUNT = 2;
/** A phase that begins later than this was not ready when its schedule was. */
const SUSPECT_LATE_START_NS = 100e6;
/** How far achieved arrivals may be off from the realised schedule. */
const SUSPECT_ARRIVALS_SHARE = 0.01;
const INVALID_ARRIVALS_SHARE = 0.1;
/** Below it, one late request at either end weighs more than the share allows. */
const MIN_ARRIVALS = 20;
/** 1 % of a shorter schedule is less than one turn of a busy loop at either end; how late requests were judges it alone. */
const MIN_SCHEDULE_NS = 2e9;
/** How far the index of dispersion of the sends may be above that of the schedule: pure chance has 1, a clock 0. */
const SUSPECT_BUNCHING = 0.2;
const INVALID_BUNCHING = 1;
/** All of a burst are to be sent within a millisecond; half of the bursts may take longer. */
const SUSPECT_BURST_SPREAD_NS = 1e6;
const INVALID_BURST_SPREAD_NS = 20e6;
/** Requests that waited for a connection, as a share of all: the wait is in no latency, but in what the target saw as load. */
const SUSPECT_CONNECTION_WAIT_SHARE = 0.05;
/** Half of them for so long: on a near target a connection is there within the lateness that a timer has. */
const SUSPECT_CONNECTION_WAIT_NS = 5e6;
const MIN_CONNECTION_WAITS = 10;
/** A slot that is free for so long, in the median, is not kept busy: less is in flight than was asked for. */
const SUSPECT_TURNAROUND_NS = 2e6;
const INVALID_TURNAROUND_NS = 50e6;
const MIN_TURNAROUNDS = 20;

/** Whether more than a few requests left long after they were due. */
export function latenessReason({ lateness }: PhaseEvidence): VerdictReason | undefined {
  if (lateness === undefined) return undefined;
  const { count, overSuspect, overInvalid } = lateness;
  const isMany = (late: number): boolean => late > LATE_COUNT && late > LATE_SHARE * count;
  const messageOf = (late: number, bound: number): string => {
    return `${late} of ${count} requests (${percent(late / count)}) were sent more than ${ms(bound)} after they were due`;
  };
  if (isMany(overInvalid)) return invalid("lateness", messageOf(overInvalid, INVALID_LATENESS_NS));
  return isMany(overSuspect) ? suspect("lateness", messageOf(overSuspect, SUSPECT_LATENESS_NS)) : undefined;
}

/** Whether the client was ready when its schedule began. */
export function lateStartReason({ sends: { firstLatenessNs = 0 }, arrivals }: PhaseEvidence): VerdictReason | undefined {
  if (arrivals === undefined || firstLatenessNs <= SUSPECT_LATE_START_NS) return undefined;
  return suspect("late_start", `the first request was sent ${ms(firstLatenessNs)} after it was due: the client was not ready`);
}

/** Whether what was sent took as long as what was scheduled. */
export function arrivalsReason({ arrivals }: PhaseEvidence): VerdictReason | undefined {
  if (arrivals === undefined || arrivals.count < MIN_ARRIVALS || arrivals.scheduledNs < MIN_SCHEDULE_NS) return undefined;
  const off = arrivalsOff(arrivals);
  return graded("arrivals", off, SUSPECT_ARRIVALS_SHARE, INVALID_ARRIVALS_SHARE, (bound) => {
    const spans = `${arrivals.count} requests scheduled over ${ms(arrivals.scheduledNs)} were sent over ${ms(arrivals.sentNs)}`;
    return `${spans}: off by ${percent(off)}, above ${percent(bound)}`;
  });
}

/** Whether sends came in bunches that the schedule did not have. */
export function bunchingReason({ sends: { dispersion }, arrivals }: PhaseEvidence): VerdictReason | undefined {
  if (dispersion === undefined || arrivals === undefined) return undefined;
  const { sent, scheduled } = dispersion;
  // What is bursty by itself may be off by as much in proportion.
  const excess = (sent - scheduled) / Math.max(1, scheduled);
  return graded("bunched_arrivals", excess, SUSPECT_BUNCHING, INVALID_BUNCHING, () => {
    return `requests were sent in bunches: index of dispersion ${sent.toFixed(2)}, that of the schedule is ${scheduled.toFixed(2)}`;
  });
}

/** Whether bursts left as bursts. */
export function burstReason({ sends: { bursts }, arrivals }: PhaseEvidence): VerdictReason | undefined {
  if (bursts === undefined || arrivals === undefined) return undefined;
  const { spreadP50Ns, largest } = bursts;
  return graded("burst_spread", spreadP50Ns, SUSPECT_BURST_SPREAD_NS, INVALID_BURST_SPREAD_NS, (bound) => {
    return `half of the bursts (up to ${largest} requests) took ${ms(spreadP50Ns)} or longer to be sent, above ${ms(bound)}`;
  });
}

/** Whether requests waited for connections, of which the run keeps some. */
export function connectionReason({ sends: { connectionWaits, count }, opensAlways }: PhaseEvidence): VerdictReason | undefined {
  if (connectionWaits === undefined || opensAlways || connectionWaits.count < MIN_CONNECTION_WAITS) return undefined;
  const share = connectionWaits.count / count;
  if (share <= SUSPECT_CONNECTION_WAIT_SHARE || connectionWaits.p50Ns <= SUSPECT_CONNECTION_WAIT_NS) return undefined;
  const waits = `${connectionWaits.count} of ${count} requests (${percent(share)}) waited for a connection`;
  return suspect("connection_waits", `${waits}, half of them ${ms(connectionWaits.p50Ns)} or longer`);
}

/** Whether slots of a closed loop were kept busy. */
export function turnaroundReason({ sends: { turnaround } }: PhaseEvidence): VerdictReason | undefined {
  if (turnaround === undefined || turnaround.count < MIN_TURNAROUNDS) return undefined;
  return graded("turnaround", turnaround.p50Ns, SUSPECT_TURNAROUND_NS, INVALID_TURNAROUND_NS, (bound) => {
    return `half of the slots were free for ${ms(turnaround.p50Ns)} or longer between two requests, above ${ms(bound)}`;
  });
}

/** Difference between the rate that was sent and the one that was scheduled, as a share of the latter. */
function arrivalsOff({ scheduledNs, sentNs }: Arrivals): number {
  return Math.abs(sentNs / scheduledNs - 1);
}
