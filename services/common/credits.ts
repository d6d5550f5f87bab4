/**
 * The words that timing and worker share: what a credit is, and every message of the `Credits` stream. This is the domain
 * model; the proto says the same on the wire, and each service converts once.
 *
 * A worker dials timing and says `hello`; timing answers `welcome`, and each side resends, in order, every sequenced
 * message that the other has not handled. Sequence numbers start at 1 per direction and worker incarnation; 0 marks the
 * messages that are never resent (hello, renew, welcome, lease, fenced).
 */
import { AssayError } from "./errors.ts";

/**
 * Permission to send exactly one turn. Timing draws it, a worker uses it or gives it back.
 *
 * In timing: `drawn → dropped`, or `drawn → issued → sent | unused | lost`; these four ends are final.
 * - dropped: was due but there was nobody to send it.
 * - sent: used, that is: tried, whatever came of it.
 * - unused: given back; unless its phase has stopped, its conversation, turn and index are drawn again under a new id.
 * - lost: its worker was declared lost while it held it; it may or may not have been sent, so it is never drawn again.
 *
 * In the worker: `held → fired → ended → returned (sent)`, `held → returned (unused)`, `held → discarded` (fenced only).
 */
export interface Credit {
  /** Dense per run, never reused, ascending in the order of drawing. */
  readonly id: number;
  /** Index of the phase in the run. */
  readonly phase: number;
  /** Index of the conversation in the prepared dataset. */
  readonly conversation: number;
  /** Which turn of the conversation, from 0. */
  readonly turn: number;
  /** How many turns the conversation has. */
  readonly turns: number;
  /** One live playing of a conversation: ordinal of the session in its phase. Its turns all go to one worker. */
  readonly sessionId: number;
  /** The session that started this one, where a dataset has sessions within sessions. */
  readonly parentSession?: number | undefined;
  /** The outermost of those. */
  readonly rootSession?: number | undefined;
  /** How many sessions there are above this one. Absent: none. */
  readonly agentDepth?: number | undefined;
  /** Only of a first turn: the session begins with what its parent has said up to this turn, with the answer to it. Absent: with nothing. */
  readonly forkedAt?: number | undefined;
  /** How many sessions will begin with what has been said when this turn is over. Absent: none. */
  readonly forks?: number | undefined;
  /** False for requests that a scenario adds beside the asked ones; they use up no request count. */
  readonly countsTowardTarget: boolean;
  /** When to send, ns on the suite's clock (the worker's edge translates it to its own); 0 = as soon as a slot is free. */
  readonly dueNs: number;
  /** Cancel the request this long after it was sent; absent = never. */
  readonly cancelAfterNs?: number | undefined;
  /** Index of the target's address in the run's list. */
  readonly targetIndex: number;
  /** Replaces the dataset's output limit for this turn. */
  readonly maxOutputTokensOverride?: number | undefined;
  /** Ordinal of the draw within the phase. A credit drawn again keeps it, so it names the request that was asked for. */
  readonly index: number;
  /** Suite time at which timing's edge wrote it to the wire, ns. Set by the edges, for the record; absent inside timing. */
  readonly issuedNs?: number | undefined;
  /** When the worker's edge read it, ns on the worker's own clock. Set there. */
  readonly receivedNs?: number | undefined;
}

/** Names one life of a worker process towards timing: random 64 bits, new at process start and after every `fenced`. */
export type Incarnation = bigint;

/** Why a request had no connection to its target: the target's fault, or nobody's (it was given up before, or could not be made). */
export type TargetMiss = "unreached" | "untried";

/** How a credit came back. `sessionOver`: the worker has no usable history for a further turn. */
export interface CreditReturn {
  readonly creditId: number;
  readonly use: "sent" | "unused";
  readonly sessionOver: boolean;
  /** Of what was sent. Absent: there was a connection to the target. */
  readonly miss?: TargetMiss;
}

/** What a recall takes: so many credits (latest due first), all due after a time, or everything not yet sent. */
export type RecallScope =
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "due_after"; readonly dueAfterNs: number }
  | { readonly kind: "all" };

/** First words of every dial; counts as the renewal `renew`. */
export interface Hello {
  readonly kind: "hello";
  /** Version of the protocol. */
  readonly version: number;
  /** The suite's join token. */
  readonly token: string;
  readonly runId: string;
  /** Belongs to one process and is never used again. */
  readonly workerId: string;
  readonly incarnation: Incarnation;
  /** The timing process that this incarnation has been welcomed by; 0 at first. */
  readonly timingIncarnation: Incarnation;
  /** Ascending over the dials of this worker; timing ignores one that is not above the last. */
  readonly dial: number;
  /** Highest sequence number handled; timing resends everything above. */
  readonly recvSeq: number;
  /** Number of the lease renewal that this hello asks for. */
  readonly renew: number;
  /** Connections that it can hold at once; 0: not known, or requests share connections. */
  readonly maxConnections: number;
}

/** Messages of a worker to timing. */
export type WorkerMessage =
  | Hello
  /** Not sequenced. Asks to extend the lease. `unsent`: credits received up to the envelope's ack, neither sent nor given back. */
  | { readonly kind: "renew"; readonly n: number; readonly unsent: number }
  /** May be empty: then it only says `unsent`. */
  | { readonly kind: "returned"; readonly returns: readonly CreditReturn[]; readonly unsent: number }
  | { readonly kind: "first_token"; readonly creditIds: readonly number[] }
  /** Sent when no more requests are in flight than the limit of this epoch. */
  | { readonly kind: "slots_ack"; readonly epoch: number }
  /** Ends every recall, after the returns that it caused. */
  | { readonly kind: "recall_done"; readonly recallId: number; readonly count: number };

/** Messages of timing to a worker. */
export type TimingMessage =
  /** Answers hello. The lease ends `leaseNs` after the worker's own clock reading before that hello. */
  | {
      readonly kind: "welcome";
      readonly timingIncarnation: Incarnation;
      readonly recvSeq: number;
      readonly renew: number;
      readonly leaseNs: number;
      /** The worker has to say `first_token`. */
      readonly wantsFirstToken: boolean;
    }
  /** Not sequenced. Answers renew n. */
  | { readonly kind: "lease"; readonly n: number }
  /** Not sequenced; the stream ends after it. The incarnation is over: discard what is held, start a new one. */
  | { readonly kind: "fenced"; readonly incarnation: Incarnation; readonly reason: string }
  | { readonly kind: "issue"; readonly credits: readonly Credit[] }
  /** At most `limit` requests in flight; epochs count from 1 per incarnation. */
  | { readonly kind: "slots"; readonly limit: number; readonly epoch: number }
  | {
      readonly kind: "recall";
      readonly recallId: number;
      readonly phase: number;
      readonly scope: RecallScope;
      /** Leave turns above 0 with the worker, and those of sessions that another one began, since only it can play them. */
      readonly firstTurnsOnly: boolean;
    }
  /** Ends the phase's requests in flight and gives back what is not sent. */
  | { readonly kind: "cancel"; readonly phase: number; readonly reason: string };

/** `seq` 0 = not sequenced. `ack` = highest sequence number of the other side that was handled when this was first sent. */
export interface Envelope<Body> {
  readonly seq: number;
  readonly ack: number;
  readonly body: Body;
}

/** A limit that no worker reaches: what every worker gets in an open loop. */
export const UNLIMITED_SLOTS = 0x7fff_ffff;

/**
 * How long a worker may go on without timing's answer. Both leases are durations, each on its owner's clock:
 * the worker's counts from before it asked, timing's from when it answered, so no offset between clocks enters.
 *
 * While the worker's event loop is in one long turn, a thread of it asks in the loop's place (`LeaseGuard`), by the same rule, so nothing of the above changes. It
 * does so until the loop has read nothing of timing's for 5 s, so that a turn of 9 s loses nothing and a loop that never comes round loses its
 * lease. A process that stands still as a whole has no such thread either.
 */
export interface LeaseTerms {
  /** The worker's lease, ns. */
  readonly workerLeaseNs: number;
  /** Timing's lease for the worker, ns. */
  readonly timingLeaseNs: number;
  /** Largest rate error of any clock, as a ratio. */
  readonly clockRateError: number;
  /** Longest time from the end of the worker's lease to its last socket closed, ns. */
  readonly closingNs: number;
  /** How often a worker asks, ns. */
  readonly renewEveryNs: number;
}

export const LEASE_TERMS: LeaseTerms = {
  workerLeaseNs: 4e9,
  timingLeaseNs: 5e9,
  clockRateError: 0.001,
  closingNs: 0.9e9,
  renewEveryNs: 0.4e9,
};

/**
 * Checks that the worker has certainly stopped when timing gives its slots away:
 * workerLease / (1 − ρ) + closing ≤ timingLease / (1 + ρ). Throws `invalid_argument` otherwise.
 */
export function checkLeaseTerms(terms: LeaseTerms): void {
  const stoppedNs = terms.workerLeaseNs / (1 - terms.clockRateError) + terms.closingNs;
  const givenAwayNs = terms.timingLeaseNs / (1 + terms.clockRateError);
  if (stoppedNs <= givenAwayNs) return;
  throw new AssayError(
    "invalid_argument",
    `timing's lease of ${terms.timingLeaseNs} ns may end ${Math.ceil(stoppedNs - givenAwayNs)} ns before a worker has stopped`,
  );
}
