/** Pauses that differ from session to session: how long those think who begin others. */
import { randomStream } from "../../common/random.ts";
import type { BranchingConversation } from "../../common/session-branches.ts";

/** No pause is longer: a median and a wide spread give one that no clock holds. */
const MAX_NS = 604_800e9;

/**
 * The same pauses, but for conversations with a spread: median × e^(σ z), z standard normal, drawn for each session and turn from
 * the seed alone, then kept within the bounds.
 */
export function spreadPauses(
  delayNs: (conversation: number, turn: number) => number,
  branching: readonly BranchingConversation[],
  seed: number,
): (conversation: number, turn: number, session?: number) => number {
  const spreads = new Map(branching.flatMap(({ conversation, spread }) => (spread ? [[conversation, spread] as const] : [])));
  return (conversation, turn, session = 0) => {
    const medianNs = delayNs(conversation, turn);
    const spread = spreads.get(conversation);
    if (spread === undefined || medianNs === 0) return medianNs;
    const { sigma, minMs = 0, maxMs = Number.POSITIVE_INFINITY } = spread;
    const factor = Math.exp(sigma * randomStream(seed, "think_time", session, turn).normal());
    return Math.min(Math.max(medianNs * factor, minMs * 1e6), maxMs * 1e6, MAX_NS);
  };
}
