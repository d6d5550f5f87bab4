/**
 * Users who wait between their turns, as a timetable: `users` of them, each sending once every users/rate seconds, so that together
 * they send at the rate. It begins in the midst of things: users have an age, so that some are nearly done and some have just come.
 * Whoever is done is replaced on an absolute schedule, whatever the answers did.
 */
import { AssayError } from "../../common/errors.ts";
import { type DatasetShape, rootAt, rootCount } from "./dataset-shape.ts";
import { EarliestFirst } from "./earliest-first.ts";
import type { Conversations, Load } from "./phase.ts";

export interface UserCentricOptions {
  readonly users: number;
  /** Requests of all users together. */
  readonly ratePerSec: number;
  /** Conversation of the n-th user, counted in the order in which they come. */
  readonly conversationOf: (user: number) => number;
  /** Most at once; Infinity: no bound. */
  readonly concurrency: number;
  readonly unit: "session" | "request";
}

export interface UserCentricLoad {
  readonly load: Load & { readonly kind: "timetable" };
  readonly draw: Conversations["draw"];
}

/** One user to come. */
interface User {
  /** In steps of 1/rate after the start of the phase. Whole numbers, so that nothing drifts. */
  readonly step: number;
  /** Order of coming, from 0; undefined: a replacement, counted when it comes. */
  readonly ordinal: number | undefined;
  /** Turns that are left of its life; undefined: all of its conversation. */
  readonly turnsLeft: number | undefined;
}

/** Throws `invalid_argument` unless users ≥ 1 and rate > 0. */
export function userCentricLoad(dataset: DatasetShape, options: UserCentricOptions): UserCentricLoad {
  const { users, ratePerSec, conversationOf, concurrency, unit } = options;
  if (!(users >= 1)) throw new AssayError("invalid_argument", `users must be at least 1, got ${users}`);
  if (!(ratePerSec > 0)) throw new AssayError("invalid_argument", `rate must be > 0, got ${ratePerSec}`);
  const stepNs = 1e9 / ratePerSec;
  const initial = initialUsers(users, Math.round(meanTurns(dataset)));
  const coming = new EarliestFirst<User>();
  for (const user of initial) coming.add(user, user.step);
  let arrived = initial.length;
  let current: ReturnType<Conversations["draw"]>;
  return {
    load: {
      kind: "timetable",
      pacer: {
        nextDueNs: () => {
          // Whoever comes is followed by a replacement, so there always is one.
          const { step, ordinal = arrived++, turnsLeft } = coming.take() as User;
          const conversation = conversationOf(ordinal);
          const turns = Math.min(turnsLeft ?? Number.POSITIVE_INFINITY, dataset.turnsOf(conversation));
          current = { conversation, turns };
          const next = step + turns * users;
          coming.add({ step: next, ordinal: undefined, turnsLeft: undefined }, next);
          return step * stepNs;
        },
        rateAt: () => ratePerSec,
      },
      laterDueNs: ({ dueNs }, { returnedNs }) => Math.max(returnedNs, dueNs + users * stepNs),
      concurrency,
      unit,
    },
    // The pacer is asked for a time right before its session is drawn.
    draw: () => current,
  };
}

/**
 * The users at the start, in the order in which they come: one that is new at once, in place of the oldest, which is done; of the
 * others the i-th has lived (users − i)/users of a life of `turns` − 1 gaps. They come one step apart from each other, neighbours in
 * age far from neighbours in time.
 */
export function initialUsers(users: number, turns: number): readonly User[] {
  const life = Math.max(1, turns - 1);
  const spacing = greatestCommonDivisor(users, life) > 1 ? coprimeStep(users) : undefined;
  const initial: User[] = [];
  for (let i = 0; i < users; i++) {
    const age = (users - i) * life;
    const turnsLeft = life - Math.floor(age / users);
    if (turnsLeft <= 0) continue;
    const slot = spacing === undefined ? age % users : (i * spacing) % users;
    initial.push({ step: users - slot, ordinal: initial.length, turnsLeft });
  }
  initial.push({ step: 0, ordinal: initial.length, turnsLeft: undefined });
  return initial.sort((a, b) => a.step - b.step);
}

function meanTurns(dataset: DatasetShape): number {
  const count = rootCount(dataset);
  let turns = 0;
  for (let nth = 0; nth < count; nth++) turns += dataset.turnsOf(rootAt(dataset, nth));
  return turns / count;
}

/** Smallest step above 1 that meets every one of n places, going round; 1 where there is none. */
function coprimeStep(n: number): number {
  for (let step = 2; step < n; step++) if (greatestCommonDivisor(n, step) === 1) return step;
  return 1;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
