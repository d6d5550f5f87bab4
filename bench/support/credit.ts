/** Credits made locally, for a worker that is measured alone. */
import type { Credit } from "../../services/common/credits.ts";

/** Due at once, for the first turn of a session of its own. */
export function creditOf(id: number): Credit {
  return {
    id,
    phase: 0,
    conversation: 0,
    turn: 0,
    turns: 1,
    sessionId: id,
    countsTowardTarget: true,
    dueNs: 0,
    targetIndex: 0,
    index: id,
  };
}
