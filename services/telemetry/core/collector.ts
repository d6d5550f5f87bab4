/**
 * When a page is scraped, and what a scrape means after those before it. Pure: the caller owns the clock and the request. Moments
 * are ns of one monotonic clock.
 *
 * A scrape is due at a moment of the grid origin + k × interval and at no other, so that collection does not drift. It begins only when the
 * one before has ended; moments that pass meanwhile are skipped and counted. After n failures in a row every 2^n-th moment is kept.
 */

export interface ScrapeOptions {
  /** First moment of the grid. */
  readonly originNs: number;
  readonly intervalNs: number;
  /** Longest pause that failures lead to, at least the interval. */
  readonly maxBackoffNs: number;
}

/** What came of one scrape. */
export interface Scrape {
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | {
        readonly kind: "page";
        /** It says something else than the page before it; nothing is meant of the first. */
        readonly isChanged: boolean;
      }
    | { readonly kind: "failed"; readonly reason: string };
}

/** A stretch of time without samples. */
export interface Gap {
  /** Start of the last scrape that gave samples; undefined: none has yet. */
  readonly sinceNs: number | undefined;
  /** The scrape that failed. */
  readonly startNs: number;
  readonly endNs: number;
  readonly reason: string;
  /** Failures in a row, this one included. */
  readonly failures: number;
}

export interface ScrapeState {
  /** When the next scrape is due: never before the last one ended. */
  readonly dueNs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Moments of the grid that passed during scrapes, in all. */
  readonly skipped: number;
  /** Start of the last scrape that gave a page. */
  readonly lastGoodNs: number | undefined;
  /** Start of the first scrape that showed what the last page said; undefined: that is the first page, whose age nobody knows. */
  readonly changedNs: number | undefined;
}

/** Before any scrape. */
export function firstScrapeState(options: ScrapeOptions): ScrapeState {
  return { dueNs: options.originNs, failures: 0, skipped: 0, lastGoodNs: undefined, changedNs: undefined };
}

/** `ageNs`: how long the page had said the same when the scrape began (0: it changed); undefined: no change has been seen yet. */
export type ScrapeVerdict =
  | { readonly kind: "samples"; readonly ageNs: number | undefined }
  | { readonly kind: "gap"; readonly gap: Gap };

/** What a scrape means, and the state after it. One that begins before `state.dueNs`, as the last of a run does, takes the place of the due one. */
export function afterScrape(
  state: ScrapeState,
  scrape: Scrape,
  options: ScrapeOptions,
): { readonly state: ScrapeState; readonly verdict: ScrapeVerdict } {
  const { startNs, endNs, outcome } = scrape;
  if (outcome.kind === "failed") {
    const failures = state.failures + 1;
    const gap = { sinceNs: state.lastGoodNs, startNs, endNs, reason: outcome.reason, failures };
    return { state: { ...state, failures, ...nextDue(state, scrape, failures, options) }, verdict: { kind: "gap", gap } };
  }
  const changedNs = state.lastGoodNs !== undefined && outcome.isChanged ? startNs : state.changedNs;
  return {
    state: { ...nextDue(state, scrape, 0, options), failures: 0, lastGoodNs: startNs, changedNs },
    verdict: { kind: "samples", ageNs: changedNs === undefined ? undefined : startNs - changedNs },
  };
}

function nextDue(
  state: ScrapeState,
  scrape: Scrape,
  failures: number,
  options: ScrapeOptions,
): { dueNs: number; skipped: number } {
  const { originNs, intervalNs, maxBackoffNs } = options;
  const index = (ns: number): number => (ns - originNs) / intervalNs;
  // One that began before it was due takes the place of the moment behind it, so that two in a row do not take two.
  const started = Math.min(Math.round(index(state.dueNs)), Math.ceil(index(scrape.startNs)));
  const steps = Math.min(2 ** failures, Math.max(1, Math.floor(maxBackoffNs / intervalNs)));
  const free = Math.ceil(index(scrape.endNs));
  const next = Math.max(started + steps, free);
  return { dueNs: originNs + next * intervalNs, skipped: state.skipped + Math.max(0, free - started - 1) };
}
