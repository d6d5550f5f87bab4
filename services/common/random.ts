/**
 * Seeded random numbers: the same seed and path give the same values on every machine and every JavaScript engine. Only
 * integer operations, + − × ÷ and the square root are used, which IEEE 754 rounds exactly; `Math.log` may differ in its last bit.
 * Not for secrets.
 */

/** A stream of random numbers. It belongs to one reader: two readers that must not disturb each other take two paths. */
export interface RandomStream {
  /** Uniform in [0, 1), a multiple of 2^-53. */
  next(): number;
  /** Uniform integer in [0, bound); bound is an integer from 1 to 2^53. */
  below(bound: number): number;
  /** Standard normal: mean 0, standard deviation 1. */
  normal(): number;
  /** Exponential with mean 1, in [0, 37). */
  exponential(): number;
}

/**
 * The stream of a seed and a path of labels and indices, as in `randomStream(7, "timing", "arrivals")`. Different paths
 * give independent streams, so that what one part of a run draws never shifts what another part draws.
 * Numbers are safe integers, negative ones included; anything else throws a RangeError.
 */
export function randomStream(seed: number, ...path: readonly (string | number)[]): RandomStream {
  const generator = generatorOf(seed, path);
  const next = (): number => {
    const high = generator.next() >>> 5;
    const low = generator.next() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  };
  return {
    next,
    below: (bound) => Math.floor(next() * bound),
    normal: () => polarNormal(next),
    exponential: () => 0 - ln(1 - next()),
  };
}

/** So many uniformly drawn bytes of a seed and a path, which takes what `randomStream` takes; about a nanosecond each. */
export function randomBytes(size: number, seed: number, ...path: readonly (string | number)[]): Uint8Array<ArrayBuffer> {
  const generator = generatorOf(seed, path);
  const bytes = new Uint8Array(size);
  const whole = size - (size % 4);
  for (let at = 0; at < whole; at += 4) {
    const word = generator.next();
    bytes[at] = word;
    bytes[at + 1] = word >>> 8;
    bytes[at + 2] = word >>> 16;
    bytes[at + 3] = word >>> 24;
  }
  for (let at = whole, word = generator.next(); at < size; at++, word >>>= 8) bytes[at] = word;
  return bytes;
}

function generatorOf(seed: number, path: readonly (string | number)[]): SmallFastCounting {
  const generator = new SmallFastCounting();
  generator.absorbNumber(seed);
  for (const part of path) {
    if (typeof part === "number") generator.absorbNumber(part);
    else generator.absorbText(part);
  }
  return generator;
}

/** A uniformly drawn order of 0 … size − 1 (Fisher–Yates), from the stream's next `size − 1` values. */
export function permutation(random: RandomStream, size: number): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  for (let last = size - 1; last > 0; last--) {
    const chosen = random.below(last + 1);
    const value = order[last] as number;
    order[last] = order[chosen] as number;
    order[chosen] = value;
  }
  return order;
}

/** Marsaglia's polar method. It gives a pair; only one is used, so that a stream has no hidden half value. */
function polarNormal(next: () => number): number {
  for (;;) {
    const x = 2 * next() - 1;
    const y = 2 * next() - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * ln(square)) / square);
  }
}

/** Natural logarithm of 0 < x ≤ 1, within 2 units in the last place: ln x = 2 artanh((m − 1)/(m + 1)) + e ln 2 with x = m 2^e. */
function ln(x: number): number {
  let mantissa = x;
  let exponent = 0;
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent -= 1;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  // |ratio| < 0.172, so that the term in ratio^23 is below 2^-54 of the first.
  let sum = 0;
  for (let odd = 21; odd >= 1; odd -= 2) sum = sum * square + 1 / odd;
  return 2 * ratio * sum + exponent * Math.LN2;
}

/**
 * Chris Doty-Humphrey's sfc32 (PractRand, public domain): 128 bits of state, period at least 2^32, mean 2^127. Its step is a bijection of
 * the state, which makes it a sponge as well: each absorbed word is stirred in by as many steps as the author's seeding takes.
 */
class SmallFastCounting {
  #a = 0x9e3779b9 | 0;
  #b = 0x243f6a88 | 0;
  #c = 0xb7e15162 | 0;
  #counter = 1;

  /** The next 32 bits, as a signed integer. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  absorbNumber(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`a seed or an index of a stream must be a safe integer, got ${value}`);
    this.#absorb(1);
    this.#absorb(Math.floor(value / 4_294_967_296));
    this.#absorb(value);
  }

  absorbText(text: string): void {
    this.#absorb(2);
    this.#absorb(text.length);
    for (let index = 0; index < text.length; index++) this.#absorb(text.charCodeAt(index));
  }

  #absorb(word: number): void {
    this.#a ^= word;
    for (let step = 0; step < 12; step++) this.next();
  }
}
