/** Numbers of 2 bytes: IEEE 754's binary16 (FP16), and the upper half of a binary32 (BF16). Rounded to the nearest, ties to even. */

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

const quietNan = 0x7e00;
const infinity = 0x7c00;
/** From here on a number is nearer to 2^16 than to the largest of FP16, 65504. */
const overflow = 65_520;

/** The bits of the nearest FP16; what is too large is infinite. */
export function fp16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return quietNan;
  if (size >= overflow) return sign | infinity;
  if (size < 2 ** -14) return sign | roundedToEven(size * 2 ** 24); // 2^-24 apart; the one that rounds up to 2^-14 has its bits
  const exponent = exponentOf(size);
  // A significand that rounds up to 2 goes over into the exponent, where it belongs.
  return sign | (((exponent + 15) << 10) + roundedToEven((size / 2 ** exponent - 1) * 1024));
}

/** The number of these bits of FP16, exactly. */
export function fp16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the nearest BF16 to the number as FP32 has it. */
export function bf16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  single[0] = value;
  const word = bits[0] ?? 0;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number of these bits of BF16, exactly. */
export function bf16Value(half: number): number {
  bits[0] = half << 16;
  return single[0] ?? 0;
}

function roundedToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

// The exponent of a number of FP32 or FP64 from 2^-14 to 65520: the logarithm may be off by one near powers of 2.
function exponentOf(size: number): number {
  const guess = Math.floor(Math.log2(size));
  if (2 ** guess > size) return guess - 1;
  return 2 ** (guess + 1) <= size ? guess + 1 : guess;
}
