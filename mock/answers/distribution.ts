/**
 * Distributions of times, lengths and chunk sizes: how they are written, and how values are drawn from them. Pure: the random
 * stream is an argument. Draws of the same stream are the same everywhere but for the last bit of a logarithmic normal one
 * (`Math.exp`).
 */
import type { RandomStream } from "../../services/common/random.ts";

/** `mean` and `deviation` are those of the values themselves, also where their logarithms are what is normal. */
export type Distribution =
  | { readonly is: "fixed"; readonly value: number }
  | { readonly is: "uniform"; readonly low: number; readonly high: number }
  | { readonly is: "normal"; readonly mean: number; readonly deviation: number }
  | { readonly is: "lognormal"; readonly mean: number; readonly deviation: number }
  | { readonly is: "exponential"; readonly mean: number };

/** How a distribution is given: a number that is always drawn, or a text such as `normal:50,10`. */
export type DistributionSpelling = number | string;

/** What may be drawn. */
export interface DrawLimits {
  readonly min: number;
  readonly max: number;
  readonly isInteger: boolean;
}

/** Draws one value. */
export type Draw = (random: RandomStream) => number;

/** The spellings, for help and messages. */
export const distributionForms: readonly { readonly form: string; readonly doc: string }[] = [
  { form: "N", doc: "always N; `fixed:N` is the same" },
  { form: "uniform:LOW,HIGH", doc: "anything from LOW to HIGH alike" },
  { form: "normal:MEAN,SD", doc: "normal, with standard deviation SD" },
  {
    form: "lognormal:MEAN,SD",
    doc: "log-normal: a long tail upwards; MEAN and SD are those of the values, not of their logarithms",
  },
  { form: "exponential:MEAN", doc: "exponential: mostly short, now and then long" },
];

/** Reads a spelling; `undefined` if it is none, or if its values or its mean lie outside the limits. */
export function readDistribution(spelling: unknown, limits: DrawLimits): Distribution | undefined {
  if (typeof spelling === "number") return isAllowed(spelling, limits) ? { is: "fixed", value: spelling } : undefined;
  if (typeof spelling !== "string") return undefined;
  const [, shape = "fixed", list = ""] = /^(?:([a-z]+):)?(.*)$/s.exec(spelling) ?? [];
  const texts = list.split(",");
  const [first = Number.NaN, second = Number.NaN] = texts.map((text) => (text.trim() === "" ? Number.NaN : Number(text)));
  const hasTwo = shape === "uniform" || shape === "normal" || shape === "lognormal";
  if (texts.length !== (hasTwo ? 2 : 1)) return undefined;
  const values = { ...limits, isInteger: limits.isInteger && (shape === "fixed" || shape === "uniform") };
  if (!isAllowed(first, values)) return undefined;
  switch (shape) {
    case "fixed":
      return { is: shape, value: first };
    case "uniform":
      return isAllowed(second, values) && first <= second ? { is: shape, low: first, high: second } : undefined;
    case "normal":
      return second >= 0 && second <= limits.max ? { is: shape, mean: first, deviation: second } : undefined;
    case "lognormal":
      return first > 0 && second >= 0 && second <= limits.max ? { is: shape, mean: first, deviation: second } : undefined;
    case "exponential":
      return { is: shape, mean: first };
    default:
      return undefined;
  }
}

/** How to draw. What falls outside the limits becomes the limit; integers are rounded to the nearest. */
export function drawOf(distribution: Distribution, limits: DrawLimits): Draw {
  const { min, max, isInteger } = limits;
  const within = (value: number): number => Math.min(max, Math.max(min, isInteger ? Math.round(value) : value));
  switch (distribution.is) {
    case "fixed":
      return () => distribution.value;
    case "uniform": {
      const { low, high } = distribution;
      return isInteger ? (random) => low + random.below(high - low + 1) : (random) => within(low + (high - low) * random.next());
    }
    case "normal":
      return (random) => within(distribution.mean + distribution.deviation * random.normal());
    case "lognormal": {
      const variance = Math.log1p((distribution.deviation / distribution.mean) ** 2);
      const center = Math.log(distribution.mean) - variance / 2;
      const spread = Math.sqrt(variance);
      return (random) => within(Math.exp(center + spread * random.normal()));
    }
    case "exponential":
      return (random) => within(distribution.mean * random.exponential());
  }
}

function isAllowed(value: number, { min, max, isInteger }: DrawLimits): boolean {
  return value >= min && value <= max && (!isInteger || Number.isInteger(value));
}
