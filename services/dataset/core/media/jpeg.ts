/**
 * Baseline JPEG files of pixels, as libjpeg writes them at quality 75, Pillow's default: JFIF, colours at half the resolution, the
 * tables of ITU-T T.81, annex K. The same pixels give the same bytes everywhere. Pure.
 */
import type { Pixels } from "./pixels.ts";

/** Percent of annex K's quantisation at quality 75. */
const scalePercent = 50;

/** Order of a block's values, from low frequencies to high ones. */
const zigzag = Uint8Array.of(
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28],
  ...[
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62,
    63,
  ],
);

const lightSteps = steps([
  ...[
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80,
    62,
  ],
  ...[
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112,
    100, 103, 99,
  ],
]);
const colourSteps = steps([
  ...[
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99,
    99,
  ],
  ...new Array<number>(32).fill(99),
]);

function steps(table: readonly number[]): Uint8Array {
  return Uint8Array.from(table, (step) => Math.max(1, Math.floor((step * scalePercent + 50) / 100)));
}

interface Code {
  /** How many codes there are of 1, 2, … 16 bits. */
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

const first12 = Array.from({ length: 12 }, (_, index) => index);
const lightDc: Code = { counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], symbols: first12 };
const colourDc: Code = { counts: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], symbols: first12 };
const lightAc: Code = {
  counts: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
  symbols: bytesOf(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
  ),
};
const colourAc: Code = {
  counts: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
  symbols: bytesOf(
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
  ),
};

function bytesOf(hex: string): number[] {
  return Array.from({ length: hex.length / 2 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}

/** cos((2x + 1) u π / 16), scaled so that the transform keeps the block's energy; by 8 u + x. */
const waves = Float64Array.from({ length: 64 }, (_, index) => {
  const [u, x] = [index >> 3, index & 7];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});

export function jpegFile(picture: Pixels): Uint8Array<ArrayBuffer> {
  const out = new BitWriter();
  out.bytes(headOf(picture));
  const { light, blue, red, wide, high } = planesOf(picture);
  const [lightDcBits, lightAcBits, colourDcBits, colourAcBits] = [lightDc, lightAc, colourDc, colourAc].map(bitsOf) as [
    Bits,
    Bits,
    Bits,
    Bits,
  ];
  const block = new BlockWriter(out);
  const before = { light: 0, blue: 0, red: 0 };
  for (let y = 0; y < high; y += 16) {
    for (let x = 0; x < wide; x += 16) {
      for (const [dx, dy] of corners) {
        before.light = block.write(light, wide, x + dx, y + dy, lightSteps, lightDcBits, lightAcBits, before.light);
      }
      before.blue = block.write(blue, wide / 2, x / 2, y / 2, colourSteps, colourDcBits, colourAcBits, before.blue);
      before.red = block.write(red, wide / 2, x / 2, y / 2, colourSteps, colourDcBits, colourAcBits, before.red);
    }
  }
  return out.end();
}

const corners = [
  [0, 0],
  [8, 0],
  [0, 8],
  [8, 8],
] as const;

/** Light and the two differences of colour, from −128 to 127, in whole squares of 16; what lies beyond the picture goes on as its edge. */
function planesOf({ width, height, rgb }: Pixels) {
  const [wide, high] = [16 * Math.ceil(width / 16), 16 * Math.ceil(height / 16)];
  const light = new Float32Array(wide * high);
  const [blue, red] = [new Float32Array((wide * high) / 4), new Float32Array((wide * high) / 4)];
  for (let y = 0; y < high; y++) {
    const row = 3 * width * Math.min(y, height - 1);
    for (let x = 0; x < wide; x++) {
      const at = row + 3 * Math.min(x, width - 1);
      const [r, g, b] = [rgb[at] as number, rgb[at + 1] as number, rgb[at + 2] as number];
      light[wide * y + x] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
      // The mean of four pixels.
      const half = (wide / 2) * (y >> 1) + (x >> 1);
      blue[half] = (blue[half] as number) + (-0.168_736 * r - 0.331_264 * g + 0.5 * b) / 4;
      red[half] = (red[half] as number) + (0.5 * r - 0.418_688 * g - 0.081_312 * b) / 4;
    }
  }
  return { light, blue, red, wide, high };
}

/** Transforms a block of 8 × 8, rounds it and writes it. */
class BlockWriter {
  readonly #out: BitWriter;
  readonly #rows = new Float64Array(64);
  readonly #values = new Int32Array(64);

  constructor(out: BitWriter) {
    this.#out = out;
  }

  /** Gives the block's mean, which the next one's of its plane is written as a difference from. */
  write(
    plane: Float32Array,
    stride: number,
    left: number,
    top: number,
    quantum: Uint8Array,
    dc: Bits,
    ac: Bits,
    before: number,
  ): number {
    this.#transform(plane, stride, left, top, quantum);
    const values = this.#values;
    const mean = values[0] as number;
    this.#value(mean - before, 0, dc);
    let zeros = 0;
    for (let place = 1; place < 64; place++) {
      const value = values[zigzag[place] as number] as number;
      if (value === 0) {
        zeros++;
        continue;
      }
      for (; zeros > 15; zeros -= 16) this.#out.bits(ac.codes[sixteenZeros] as number, ac.lengths[sixteenZeros] as number);
      this.#value(value, zeros, ac);
      zeros = 0;
    }
    if (zeros > 0) this.#out.bits(ac.codes[0] as number, ac.lengths[0] as number);
    return mean;
  }

  #transform(plane: Float32Array, stride: number, left: number, top: number, quantum: Uint8Array): void {
    const rows = this.#rows;
    for (let y = 0; y < 8; y++) {
      const from = stride * (top + y) + left;
      for (let u = 0; u < 8; u++) {
        let sum = 0;
        for (let x = 0; x < 8; x++) sum += (plane[from + x] as number) * (waves[8 * u + x] as number);
        rows[8 * y + u] = sum;
      }
    }
    for (let u = 0; u < 8; u++) {
      for (let v = 0; v < 8; v++) {
        let sum = 0;
        for (let y = 0; y < 8; y++) sum += (rows[8 * y + u] as number) * (waves[8 * v + y] as number);
        this.#values[8 * v + u] = Math.round(sum / (quantum[8 * v + u] as number));
      }
    }
  }

  /** How many zeros stand before it and how many bits it has, as a symbol; then its bits, those of one less where it is negative. */
  #value(value: number, zeros: number, { codes, lengths }: Bits): void {
    const size = 32 - Math.clz32(Math.abs(value));
    const symbol = 16 * zeros + size;
    this.#out.bits(codes[symbol] as number, lengths[symbol] as number);
    if (size > 0) this.#out.bits((value < 0 ? value - 1 : value) & ((1 << size) - 1), size);
  }
}

const sixteenZeros = 0xf0;

interface Bits {
  readonly codes: Uint16Array;
  readonly lengths: Uint8Array;
}

/** Codes by their symbols: those of a length follow each other, and the first of the next length is twice the one after them. */
function bitsOf({ counts, symbols }: Code): Bits {
  const made = { codes: new Uint16Array(256), lengths: new Uint8Array(256) };
  let code = 0;
  let next = 0;
  for (const [index, count] of counts.entries()) {
    for (let each = 0; each < count; each++) {
      const symbol = symbols[next++] as number;
      made.codes[symbol] = code++;
      made.lengths[symbol] = index + 1;
    }
    code *= 2;
  }
  return made;
}

class BitWriter {
  #buffer = new Uint8Array(1 << 16);
  #size = 0;
  #held = 0;
  #heldBits = 0;

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#put(byte);
  }

  /** At most 16 bits. A byte of ones has a zero byte behind it, so that it is no marker. */
  bits(value: number, count: number): void {
    this.#held = (this.#held << count) | value;
    this.#heldBits += count;
    while (this.#heldBits >= 8) {
      this.#heldBits -= 8;
      const byte = (this.#held >>> this.#heldBits) & 0xff;
      this.#put(byte);
      if (byte === 0xff) this.#put(0);
    }
    this.#held &= (1 << this.#heldBits) - 1;
  }

  /** Fills the last byte with ones, ends the file and gives it. */
  end(): Uint8Array<ArrayBuffer> {
    if (this.#heldBits > 0) this.bits((1 << (8 - this.#heldBits)) - 1, 8 - this.#heldBits);
    this.bytes(Uint8Array.of(0xff, 0xd9));
    return this.#buffer.slice(0, this.#size);
  }

  #put(byte: number): void {
    if (this.#size === this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#size);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer[this.#size++] = byte;
  }
}

function headOf({ width, height }: Pixels): Uint8Array {
  const quantisation = (id: number, table: Uint8Array): number[] => [
    id,
    ...Array.from(zigzag, (place) => table[place] as number),
  ];
  const code = (id: number, { counts, symbols }: Code): number[] => [id, ...counts, ...symbols];
  const sides = [height >> 8, height & 0xff, width >> 8, width & 0xff];
  return Uint8Array.of(
    ...[0xff, 0xd8],
    ...segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...segment(0xdb, [...quantisation(0, lightSteps), ...quantisation(1, colourSteps)]),
    // Three planes: light with two samples each way to one of the others.
    ...segment(0xc0, [8, ...sides, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]),
    ...segment(0xc4, [...code(0, lightDc), ...code(0x10, lightAc), ...code(1, colourDc), ...code(0x11, colourAc)]),
    ...segment(0xda, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]),
  );
}

function segment(marker: number, content: readonly number[]): number[] {
  const size = content.length + 2;
  return [0xff, marker, size >> 8, size & 0xff, ...content];
}
