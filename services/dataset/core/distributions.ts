/** Distributions of lengths, counts and pauses, and draws from them. Pure: the same seed and labels give the same draws everywhere. */
import { type RandomStream, randomStream } from "../../common/random.ts";

/**
 * `normal` (where no kind is said), `lognormal`, `uniform`, `multimodal` or `empirical`; what each needs is said at the RunSpec's
 * message of this name. What the controller has let through is complete.
 */
export interface Distribution {
  readonly mean: number;
  /** 0: always the mean. */
  readonly stddev: number;
  readonly kind?: string;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly median?: number;
  readonly peaks?: readonly Peak[];
  readonly points?: readonly { readonly value: number; readonly weight: number }[];
}

interface Peak {
  readonly mean: number;
  readonly stddev: number;
  readonly weight: number;
}

/** How often a normal value is drawn again before the nearest bound is taken: bounds may lie where hardly any value falls. */
const mostDraws = 100;

/** Draws of one quantity of one conversation, whole numbers of at least `least`: a function of seed, label and conversation. */
export function drawLengths(
  distribution: Distribution,
  least: number,
  seed: number,
  label: string,
  conversation: number,
): () => number {
  if (isFixed(distribution)) {
    const value = within(Math.round(distribution.mean), distribution, least);
    return () => value;
  }
  const random = randomStream(seed, "dataset", label, conversation);
  return () => drawLength(distribution, least, random);
}

/** One draw, a whole number of at least `least`. */
export function drawLength(distribution: Distribution, least: number, random: RandomStream): number {
  switch (distribution.kind) {
    case "lognormal":
      return within(Math.round(logNormal(distribution, random)), distribution, least);
    case "uniform": {
      const { min = 0, max = 0 } = distribution;
      const low = Math.max(least, Math.ceil(min));
      return low + random.below(Math.max(1, Math.floor(max) - low + 1));
    }
    case "multimodal": {
      const { peaks = [] } = distribution;
      const peak = pick(peaks, random);
      return peak === undefined ? least : normal(peak, distribution, least, random);
    }
    case "empirical": {
      const { points = [] } = distribution;
      return within(Math.round(pick(points, random)?.value ?? least), distribution, least);
    }
    default:
      return normal(distribution, distribution, least, random);
  }
}

/** The same in another unit, of which there are `factor` to one. */
export function scaled(distribution: Distribution, factor: number): Distribution {
  const { mean, stddev, min, max, median, peaks, points, ...rest } = distribution;
  return {
    ...rest,
    mean: mean * factor,
    stddev: stddev * factor,
    ...(min === undefined ? {} : { min: min * factor }),
    ...(max === undefined ? {} : { max: max * factor }),
    ...(median === undefined ? {} : { median: median * factor }),
    ...(peaks === undefined
      ? {}
      : { peaks: peaks.map((peak) => ({ ...peak, mean: peak.mean * factor, stddev: peak.stddev * factor })) }),
    ...(points === undefined ? {} : { points: points.map((point) => ({ ...point, value: point.value * factor })) }),
  };
}

/** Of what is asked for, before bounds and rounding. */
export function meanOf({ kind, mean, min = 0, max = 0, peaks = [], points = [] }: Distribution): number {
  switch (kind) {
    case "uniform":
      return (min + max) / 2;
    case "multimodal":
      return weightedMean(peaks.map((peak) => ({ value: peak.mean, weight: peak.weight })));
    case "empirical":
      return weightedMean(points);
    default:
      return mean;
  }
}

/** One of several by their weights; undefined: there are none. */
export function pick<T extends { readonly weight: number }>(choices: readonly T[], random: RandomStream): T | undefined {
  const sum = choices.reduce((total, { weight }) => total + weight, 0);
  let left = sum * random.next();
  for (const choice of choices) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return choices.at(-1);
}

function isFixed({ kind = "", stddev }: Distribution): boolean {
  return (kind === "" || kind === "normal") && stddev === 0;
}

/** Drawn again until it is within the bounds, so that none of its mass gathers there. */
function normal(
  { mean, stddev }: Pick<Distribution, "mean" | "stddev">,
  bounds: Distribution,
  least: number,
  random: RandomStream,
): number {
  if (stddev === 0) return within(Math.round(mean), bounds, least);
  for (let draw = 0; draw < mostDraws; draw++) {
    const value = Math.round(mean + stddev * random.normal());
    if (value === within(value, bounds, least)) return value;
  }
  return within(Math.round(mean), bounds, least);
}

/** ln X is normal with mean ln(median) and variance 2 ln(mean / median). */
function logNormal({ mean, median = mean }: Distribution, random: RandomStream): number {
  return median * Math.exp(Math.sqrt(2 * Math.log(mean / median)) * random.normal());
}

function within(value: number, { min = least0, max = Number.POSITIVE_INFINITY }: Distribution, least: number): number {
  return Math.max(least, Math.ceil(min), Math.min(Math.floor(max), value));
}

const least0 = Number.NEGATIVE_INFINITY;

function weightedMean(values: readonly { readonly value: number; readonly weight: number }[]): number {
  const sum = values.reduce((total, { weight }) => total + weight, 0);
  return values.reduce((total, { value, weight }) => total + value * weight, 0) / sum;
}
