/** A worker as the recall of idle standby sees it. */
export interface RecallCandidate {
  readonly limit: number;
  readonly issued: number;
  /** Credits asked back and not answered yet; 0 = none is open. */
  readonly recalling: number;
  /** A recall may be sent to it: it is reachable, has none open, and something came back since the last one that found nothing. */
  readonly isRecallable: boolean;
}

/**
 * In the tail of a phase nothing is left to draw, one worker has free slots and another has credits waiting: which worker to ask
 * for how many of them. Undefined when nothing is to be gained. One worker at a time: the one with the most waiting.
 */
export function planTailRecall(
  candidates: readonly RecallCandidate[],
  freeSlots: number,
): { readonly at: number; readonly count: number } | undefined {
  let wanted = freeSlots;
  for (const { recalling } of candidates) wanted -= recalling;
  if (wanted <= 0) return undefined;
  let at = -1;
  let most = 0;
  for (let i = 0; i < candidates.length; i++) {
    const { limit, issued, isRecallable } = candidates[i] as RecallCandidate;
    if (!isRecallable || issued - limit <= most) continue;
    at = i;
    most = issued - limit;
  }
  return at < 0 ? undefined : { at, count: Math.min(wanted, most) };
}
