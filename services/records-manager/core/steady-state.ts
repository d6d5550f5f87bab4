/**
 * The steady window of a phase: the longest stretch in which as much was in flight, and requests came and went as fast, from its
 * beginning to its end. What is before it is warm-up, what is after it the drain.
 *
 * The phase, from its first send to its last end, is cut into equal bins. A stretch of bins is steady where
 *   1. it holds at least a quarter of the bins and `MIN_WINDOW_SENDS` sends;
 *   2. in each of its quarters the requests in flight, the sends and the ends are as many as in the whole of it, to within a tenth,
 *      or, where so few sends tell no better, three standard errors of their number: 3/√n;
 *   3. its first and its last bin have as much in flight as the whole, to within a tenth or the square root of what is in flight.
 * Of equally long ones the earliest is taken. Nothing is drawn at random: the same rows give the same window.
 */

/** Cumulated over a phase's bins: `…[i]` is the sum of the bins before i. */
export interface PhaseBins {
  readonly originNs: number;
  readonly binNs: number;
  readonly bins: number;
  readonly sends: Float64Array;
  readonly ends: Float64Array;
  /** Requests in flight, in bins: 1 is one request for the length of one bin. */
  readonly inFlight: Float64Array;
}

export interface SteadyWindow {
  /** First send of the phase; */
  readonly originNs: number;
  /** the window, on the same clock. */
  readonly startNs: number;
  readonly endNs: number;
  /** Requests sent in it. */
  readonly sends: number;
  /** Requests in flight, on average. */
  readonly inFlight: number;
}

/** Below it nothing can be told of steadiness. */
const MIN_STEADY_SENDS = 100;
/** Sends in a bin on average, and the bounds of their number. */
const SENDS_PER_BIN = 10;
const MAX_BINS = 120;
const MIN_WINDOW_SENDS = 50;
const MIN_WINDOW_SHARE = 0.25;
const TOLERANCE = 0.1;
const QUARTERS = 4;

/** Bins of a phase; undefined where it has fewer than `MIN_STEADY_SENDS`, or all at one moment. `visit` gives every request. */
export function phaseBins(
  count: number,
  firstNs: number,
  lastNs: number,
  visit: (add: (sentNs: number, endNs: number) => void) => void,
): PhaseBins | undefined {
  if (count < MIN_STEADY_SENDS || !(lastNs > firstNs)) return undefined;
  const bins = Math.min(MAX_BINS, Math.floor(count / SENDS_PER_BIN));
  const binNs = (lastNs - firstNs) / bins;
  const sends = new Float64Array(bins + 1);
  const ends = new Float64Array(bins + 1);
  // Steps of what is in flight, at the bin and as a share of it: their double sum is what was in flight in each bin.
  const inFlight = new Float64Array(bins + 2);
  const placeOf = (ns: number): number => Math.min(Math.max((ns - firstNs) / binNs, 0), bins);
  const step = (place: number, change: number): void => {
    const bin = Math.min(Math.floor(place), bins - 1);
    const share = bin + 1 - place;
    inFlight[bin] = (inFlight[bin] ?? 0) + change * share;
    inFlight[bin + 1] = (inFlight[bin + 1] ?? 0) + change * (1 - share);
  };
  const tally = (counts: Float64Array, place: number): void => {
    const next = Math.min(Math.floor(place), bins - 1) + 1;
    counts[next] = (counts[next] ?? 0) + 1;
  };
  visit((sentNs, endNs) => {
    const sent = placeOf(sentNs);
    const end = placeOf(endNs);
    tally(sends, sent);
    tally(ends, end);
    step(sent, 1);
    step(end, -1);
  });
  let now = 0;
  let sum = 0;
  for (let bin = 0; bin < bins; bin++) {
    now += inFlight[bin] ?? 0;
    inFlight[bin] = sum;
    sum += now;
    sends[bin + 1] = (sends[bin + 1] ?? 0) + (sends[bin] ?? 0);
    ends[bin + 1] = (ends[bin + 1] ?? 0) + (ends[bin] ?? 0);
  }
  inFlight[bins] = sum;
  return { originNs: firstNs, binNs, bins, sends, ends, inFlight };
}

/** Undefined: there is none. */
export function steadyWindow(phase: PhaseBins): SteadyWindow | undefined {
  const { originNs, binNs, bins, sends, inFlight } = phase;
  const shortest = Math.max(QUARTERS, Math.ceil(bins * MIN_WINDOW_SHARE));
  for (let length = bins; length >= shortest; length--) {
    for (let start = 0; start + length <= bins; start++) {
      const end = start + length;
      if (!isSteady(phase, start, end)) continue;
      return {
        originNs,
        startNs: originNs + start * binNs,
        endNs: originNs + end * binNs,
        sends: between(sends, start, end),
        inFlight: between(inFlight, start, end) / length,
      };
    }
  }
  return undefined;
}

function isSteady({ sends, ends, inFlight }: PhaseBins, start: number, end: number): boolean {
  if (between(sends, start, end) < MIN_WINDOW_SENDS) return false;
  const level = between(inFlight, start, end) / (end - start);
  const edge = Math.max(TOLERANCE * level, Math.sqrt(level));
  const isLevel = (bin: number): boolean => Math.abs(between(inFlight, bin, bin + 1) - level) <= edge;
  if (!isLevel(start) || !isLevel(end - 1)) return false;
  const tolerance = Math.max(TOLERANCE, 3 / Math.sqrt(between(sends, start, end) / QUARTERS));
  return [inFlight, sends, ends].every((cumulated) => isEven(cumulated, start, end, tolerance));
}

/** Whether each quarter has its part of the whole, to within a share of it. */
function isEven(cumulated: Float64Array, start: number, end: number, tolerance: number): boolean {
  const perBin = between(cumulated, start, end) / (end - start);
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    const from = start + Math.round(((end - start) * quarter) / QUARTERS);
    const to = start + Math.round(((end - start) * (quarter + 1)) / QUARTERS);
    const expected = perBin * (to - from);
    if (Math.abs(between(cumulated, from, to) - expected) > tolerance * expected) return false;
  }
  return true;
}

function between(cumulated: Float64Array, from: number, to: number): number {
  return (cumulated[to] ?? 0) - (cumulated[from] ?? 0);
}
