/** Times that callers ask for. Pure. */

/** The longest that a timer of Node can wait, 24.8 days: what is longer is over at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** As a caller asks for it, where 0 asks for what is usual: at least `leastMs`, and no longer than a timer can wait. */
export function askedMs(askedFor: number, usualMs: number, leastMs = 0): number {
  return Math.min(Math.max(leastMs, askedFor === 0 ? usualMs : askedFor), longestTimerMs);
}
