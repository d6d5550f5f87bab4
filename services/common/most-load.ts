/** The most that a phase may ask for: far beyond what one timing issues, and little enough for it to be held. Pure. */

/** Requests a second. */
export const mostPerSec = 1_000_000;
/** Requests or sessions at once, and users. */
export const mostAtOnce = 1_000_000;
/** Requests of one burst. */
export const mostOfBurst = 100_000;
/** Shape of gamma arrivals: these come in clusters of 1 over it. */
export const leastSmoothness = 0.001;

/** Whether a figure is above such a bound. What is no number at all is for other rules. */
export function isBeyond(value: number, most: number): boolean {
  return Number.isFinite(value) && value > most;
}
