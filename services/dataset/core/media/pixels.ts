/** Pixels in memory. Pure. */

/** Three bytes a pixel, red, green and blue, row after row from the top. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** Without the fourth byte, how opaque each is. */
export function withoutAlpha(width: number, height: number, rgba: Uint8Array): Pixels {
  const rgb = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return { width, height, rgb };
}

/**
 * The picture in another size: each pixel is the mean of those that it covers, weighted by a triangle, as in most image libraries'
 * bilinear filter. What is made smaller does not flicker, what is made larger is smooth.
 */
export function resized(picture: Pixels, width: number, height: number): Pixels {
  if (picture.width === width && picture.height === height) return picture;
  const columns = weightsOf(picture.width, width);
  const rows = weightsOf(picture.height, height);
  // Rows that are as wide as is wanted, of the old height.
  const narrowed = new Float32Array(3 * width * picture.height);
  for (let y = 0; y < picture.height; y++) {
    const row = 3 * picture.width * y;
    for (const [x, { first, weights }] of columns.entries()) {
      const to = 3 * (width * y + x);
      for (const [step, weight] of weights.entries()) {
        const from = row + 3 * (first + step);
        for (let channel = 0; channel < 3; channel++) add(narrowed, to + channel, weight * at(picture.rgb, from + channel));
      }
    }
  }
  const sums = new Float32Array(3 * width);
  const rgb = new Uint8ClampedArray(3 * width * height);
  for (const [y, { first, weights }] of rows.entries()) {
    sums.fill(0);
    for (const [step, weight] of weights.entries()) {
      const row = 3 * width * (first + step);
      for (let index = 0; index < sums.length; index++) add(sums, index, weight * at(narrowed, row + index));
    }
    rgb.set(sums, 3 * width * y);
  }
  return { width, height, rgb: new Uint8Array(rgb.buffer) };
}

interface Weights {
  /** Place that the first of them is for. */
  readonly first: number;
  /** Their sum is 1. */
  readonly weights: readonly number[];
}

/** Of each place of a line of `size` the weights of the places of the old line. */
function weightsOf(oldSize: number, size: number): Weights[] {
  const scale = oldSize / size;
  const reach = Math.max(1, scale);
  return Array.from({ length: size }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(oldSize, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: Math.max(1, end - first) }, (__, step) =>
      Math.max(0, 1 - Math.abs(first + step + 0.5 - centre) / reach),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: sum === 0 ? [1] : raw.map((weight) => weight / sum) };
  });
}

function at(values: Uint8Array | Float32Array, index: number): number {
  return values[index] as number;
}

function add(sums: Float32Array, index: number, value: number): void {
  sums[index] = at(sums, index) + value;
}
