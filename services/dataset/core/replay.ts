/**
 * A run that is over as a dataset: each of its sessions is a conversation, with the turns that were sent, at the moments at which they
 * were due, or sent where nothing was due. What is said is said by the dataset that the run had. Pure.
 */
import { TimestampPacker } from "../../common/turn-timestamps.ts";
import { amendmentsOf } from "./packed-turn.ts";
import { type Dataset, type DatasetSummary, type PackedTurn, summarizeDataset } from "./turns.ts";

/** Sessions of the measured phases in the order of their first requests. */
export interface StoredSessions {
  /** Of each session the conversation that it played. */
  readonly conversationOf: Uint32Array;
  /** Of each session its first turn in `timestampsMs`; one more is the end. */
  readonly firstTurnOf: Uint32Array;
  /** Of each turn, since the first phase began; never less than the turn before. */
  readonly timestampsMs: Float64Array;
}

/** @param base the conversations that sessions played */
export function replayDataset(base: Dataset, { conversationOf, firstTurnOf, timestampsMs }: StoredSessions): Dataset {
  const first = (session: number): number => firstTurnOf[session] ?? 0;
  const turns = (session: number): number => first(session + 1) - first(session);
  const conversation = (session: number): number => conversationOf[session] ?? 0;
  const timestampMs = (session: number, turn: number): number => timestampsMs[first(session) + turn] ?? 0;
  const { later } = base;
  return {
    size: conversationOf.length,
    // Moments take the place of pauses.
    plan: (session) =>
      base
        .plan(conversation(session))
        .slice(0, turns(session))
        .map((plan) => ({ ...plan, delayMs: 0 })),
    messages: (session, turn) => base.messages(conversation(session), turn),
    details: (session, turn) => ({
      ...base.details?.(conversation(session), turn),
      timestampMs: timestampMs(session, turn),
    }),
    ...(later && {
      async later(session, turn): Promise<PackedTurn> {
        const { bytes } = await later(conversation(session), turn);
        return { bytes, amendments: amendmentsOf({ delayMs: 0, timestampMs: timestampMs(session, turn) }) };
      },
    }),
  };
}

/** What timing is told of it: every turn has a moment, in ms since the first measured phase began. */
export function summarizeReplay(dataset: Dataset, sessions: StoredSessions): DatasetSummary {
  const { conversationOf, firstTurnOf, timestampsMs } = sessions;
  const packer = new TimestampPacker();
  for (const timestamp of timestampsMs) packer.add(timestamp);
  return {
    ...summarizeDataset(dataset),
    schedule: {
      turnTimestamps: packer.packed(),
      isBegun: true,
      firstTurnsMs: Float64Array.from(conversationOf, (_, session) => timestampsMs[firstTurnOf[session] ?? 0] ?? 0),
    },
  };
}

/** One request of a run's file, in the order of phase, session and turn. */
export interface StoredRequest {
  readonly phase: number;
  readonly session: number;
  readonly turn: number;
  readonly conversation: number;
  /** Since the first measured phase began. */
  readonly atMs: number;
}

/** `leftOut`: requests that nothing can be built on, since the turn before them is not in the file. */
export function storedSessions(requests: Iterable<StoredRequest>): StoredSessions & { readonly leftOut: number } {
  const found: { conversation: number; atMs: number[] }[] = [];
  let last: StoredRequest | undefined;
  let leftOut = 0;
  for (const request of requests) {
    const { phase, session, turn, conversation, atMs } = request;
    const isNext = last?.phase === phase && last.session === session && last.turn + 1 === turn;
    if (turn === 0) found.push({ conversation, atMs: [Math.max(0, atMs)] });
    else if (isNext) found.at(-1)?.atMs.push(Math.max(atMs, found.at(-1)?.atMs.at(-1) ?? 0));
    else {
      leftOut++;
      continue;
    }
    last = request;
  }
  found.sort((one, other) => (one.atMs[0] ?? 0) - (other.atMs[0] ?? 0));
  const firstTurnOf = new Uint32Array(found.length + 1);
  for (const [index, { atMs }] of found.entries()) firstTurnOf[index + 1] = (firstTurnOf[index] ?? 0) + atMs.length;
  return {
    conversationOf: Uint32Array.from(found, ({ conversation }) => conversation),
    firstTurnOf,
    timestampsMs: Float64Array.from(found.flatMap(({ atMs }) => atMs)),
    leftOut,
  };
}
