/** The dataset's own timestamps as a timetable: every conversation once, at its time, faster or with idle gaps cut where that is asked for. */
import { AssayError } from "../../common/errors.ts";
import { type DatasetShape, rootAt, rootCount } from "./dataset-shape.ts";
import type { Conversations, Load } from "./phase.ts";

export interface ScheduleOptions {
  /** First and last timestamp of a first turn that is played, ms, both included; absent: no bound. */
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  /** The first timestamp that is played is the zero of the schedule; otherwise `startMs` is, or 0. */
  readonly isAutoOffset: boolean;
  /** Divides all times and pauses. Default 1. */
  readonly speedup?: number | undefined;
  /** Longest time, after the speed-up, in which nothing is due; absent: as they are. */
  readonly idleGapCapNs?: number | undefined;
  /** Most at once; Infinity: no bound. */
  readonly concurrency: number;
  readonly unit: "session" | "request";
}

export interface FixedSchedule {
  readonly load: Load & { readonly kind: "timetable" };
  readonly draw: Conversations["draw"];
}

/**
 * A conversation is played where its first turn's timestamp is within the bounds, up to the first turn that is beyond the end. A later
 * turn is due at its own timestamp or, without one, its pause after the turn before returned; never before that.
 * Throws `invalid_argument` where a conversation has no timestamp, or none is within the bounds.
 */
export function fixedSchedule(dataset: DatasetShape, options: ScheduleOptions): FixedSchedule {
  const { timestampUs } = dataset;
  if (timestampUs === undefined) throw new AssayError("invalid_argument", "a fixed schedule needs a dataset with timestamps");
  const { startMs = Number.NEGATIVE_INFINITY, endMs = Number.POSITIVE_INFINITY, speedup = 1, concurrency, unit } = options;
  const firstUs = (conversation: number): number => timestampUs(conversation, 0);
  const drawn = Uint32Array.from({ length: rootCount(dataset) }, (_, nth) => rootAt(dataset, nth));
  const order = drawn.filter((conversation) => {
    const atUs = firstUs(conversation);
    if (Number.isNaN(atUs)) {
      throw new AssayError("invalid_argument", `conversation ${conversation} has no timestamp at its first turn`);
    }
    return atUs >= startMs * 1e3 && atUs <= endMs * 1e3;
  });
  order.sort((a, b) => firstUs(a) - firstUs(b) || a - b);
  const [first] = order;
  if (first === undefined) {
    throw new AssayError("invalid_argument", "no conversation begins between the start and the end of the schedule");
  }
  const turnsOf = (conversation: number): number => {
    const turns = dataset.turnsOf(conversation);
    for (let turn = 1; turn < turns; turn++) if (timestampUs(conversation, turn) > endMs * 1e3) return turn;
    return turns;
  };
  const zeroUs = options.isAutoOffset ? firstUs(first) : (options.startMs ?? 0) * 1e3;
  const plainNs = (atUs: number): number => ((atUs - zeroUs) * 1e3) / speedup;
  const cutNs = idleCut(options.idleGapCapNs, () => timesOf(order, turnsOf, (...turn) => plainNs(timestampUs(...turn))));
  const scheduledNs = (atUs: number): number => cutNs(plainNs(atUs));
  let next = 0;
  return {
    load: {
      kind: "timetable",
      pacer: {
        nextDueNs: () => (next < order.length ? scheduledNs(firstUs(order[next++] as number)) : Number.POSITIVE_INFINITY),
      },
      laterDueNs: ({ conversation, turn }, { startNs, returnedNs }) => {
        const atUs = timestampUs(conversation, turn + 1);
        if (!Number.isNaN(atUs)) return Math.max(returnedNs, startNs + scheduledNs(atUs));
        return returnedNs + (dataset.delayNs?.(conversation, turn + 1) ?? 0) / speedup;
      },
      concurrency,
      unit,
    },
    draw: (session) => {
      const conversation = order[session];
      return conversation === undefined ? undefined : { conversation, turns: turnsOf(conversation) };
    },
  };
}

/** All moments of a schedule at which something is due, ascending. */
function timesOf(
  order: Uint32Array,
  turnsOf: (conversation: number) => number,
  timeNs: (conversation: number, turn: number) => number,
): Float64Array {
  const times: number[] = [];
  for (const conversation of order) {
    const turns = turnsOf(conversation);
    for (let turn = 0; turn < turns; turn++) {
      const atNs = timeNs(conversation, turn);
      if (!Number.isNaN(atNs)) times.push(atNs);
    }
  }
  return Float64Array.from(times).sort();
}

/** Moves what comes after an idle gap forward, so that no gap is longer than the cap, the one before the first moment included. */
function idleCut(capNs: number | undefined, timesNs: () => Float64Array): (atNs: number) => number {
  if (capNs === undefined) return (atNs) => atNs;
  const times = timesNs();
  const removed = new Float64Array(times.length);
  let before = 0;
  let total = 0;
  for (const [index, atNs] of times.entries()) {
    total += Math.max(0, atNs - before - capNs);
    removed[index] = total;
    before = Math.max(before, atNs);
  }
  return (atNs) => atNs - (removed[indexOf(times, atNs)] ?? 0);
}

/** Where a time stands among sorted ones: the first that is not below it. */
function indexOf(times: Float64Array, atNs: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) < atNs) low = middle + 1;
    else high = middle;
  }
  return low;
}
