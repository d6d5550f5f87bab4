import { expect } from "chai";
import { randomStream } from "../../../../../services/common/random.ts";
import { type AudioOptions, audioPlans, wavBytes, wavNoise } from "../../../../../services/dataset/core/media/audio.ts";

const options = (changes: Partial<AudioOptions> = {}): AudioOptions => ({
  lengthSec: { mean: 1.5, stddev: 0 },
  format: "wav",
  sampleRatesHz: [16_000],
  depths: [16],
  channels: 1,
  batchSize: 1,
  ...changes,
});
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The chunks of a RIFF file, read by the specification alone. */
function chunksOf(file: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(file);
  expect(bytes.toString("latin1", 0, 4) + bytes.toString("latin1", 8, 12)).to.equal("RIFFWAVE");
  expect(bytes.readUInt32LE(4)).to.equal(bytes.length - 8);
  const chunks = new Map<string, Buffer>();
  for (let at = 12; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    chunks.set(bytes.toString("latin1", at, at + 4), bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
    expect(at).to.be.at.most(bytes.length);
  }
  return chunks;
}

describe("WAV files of noise", () => {
  for (const depth of [8, 16, 24, 32]) {
    for (const channels of [1, 2]) {
      it(`of ${depth} bits and ${channels} channels say so, and are normal with a deviation of 0.3`, () => {
        const form = { sampleRateHz: 22_050, depth, channels, frames: 4001 };
        const file = wavNoise(form, randomStream(1, "noise"));
        expect(file.length).to.equal(wavBytes(form));
        const chunks = chunksOf(file);
        const head = chunks.get("fmt ") ?? expect.fail();
        expect([head.readUInt16LE(0), head.readUInt16LE(2), head.readUInt32LE(4)]).to.deep.equal([1, channels, 22_050]);
        const block = (depth / 8) * channels;
        expect([head.readUInt32LE(8), head.readUInt16LE(12), head.readUInt16LE(14)]).to.deep.equal([
          22_050 * block,
          block,
          depth,
        ]);
        const data = chunks.get("data") ?? expect.fail();
        expect(data.length).to.equal(block * 4001);
        const samples = Array.from({ length: 4001 * channels }, (_, index) => {
          const at = (index * depth) / 8;
          return (depth === 8 ? data.readUInt8(at) - 128 : data.readIntLE(at, depth / 8)) / 2 ** (depth - 1);
        });
        expect(mean(samples)).to.be.closeTo(0, 0.02);
        expect(Math.sqrt(mean(samples.map((sample) => sample ** 2)))).to.be.closeTo(0.3, 0.02);
        expect(wavNoise(form, randomStream(1, "noise"))).to.deep.equal(file);
      });
    }
  }
});

describe("the audio of a turn", () => {
  it("has the length, rate and depth asked for", () => {
    expect(audioPlans(options({ batchSize: 2, channels: 2 }), 1, 4, 3)).to.deep.equal(
      [0, 1].map((index) => ({
        sampleRateHz: 16_000,
        depth: 16,
        channels: 2,
        frames: 24_000,
        format: "wav",
        stream: ["audio_samples", 4, 3, index],
      })),
    );
  });

  it("has lengths by mean and deviation, to the millisecond and 10 of them at least", () => {
    const plans = Array.from({ length: 1000 }, (_, turn) =>
      audioPlans(options({ lengthSec: { mean: 0.5, stddev: 0.1 } }), 1, turn, 0),
    );
    const seconds = plans.flat().map(({ frames }) => frames / 16_000);
    expect(mean(seconds)).to.be.closeTo(0.5, 0.02);
    expect(Math.sqrt(mean(seconds.map((value) => (value - 0.5) ** 2)))).to.be.closeTo(0.1, 0.01);
    expect(seconds.every((value) => Number.isInteger(Math.round(value * 1e6) / 1000))).to.equal(true);
    const short = Array.from({ length: 200 }, (_, turn) =>
      audioPlans(options({ lengthSec: { mean: 0.01, stddev: 0.01 } }), 1, turn, 0),
    ).flat();
    expect(Math.min(...short.map(({ frames }) => frames))).to.equal(160);
  });

  it("draws rates and depths from their lists, whatever the lengths are", () => {
    const lists = { sampleRatesHz: [8000, 16_000], depths: [8, 24] };
    const forms = (lengthSec: AudioOptions["lengthSec"]) =>
      Array.from({ length: 100 }, (_, turn) => audioPlans(options({ ...lists, lengthSec }), 1, turn, 0)[0]).map(
        (plan) => `${plan?.sampleRateHz}/${plan?.depth}`,
      );
    const drawn = forms({ mean: 1, stddev: 0 });
    expect(new Set(drawn)).to.deep.equal(new Set(["8000/8", "8000/24", "16000/8", "16000/24"]));
    expect(forms({ mean: 2, stddev: 1 })).to.deep.equal(drawn);
  });
});
