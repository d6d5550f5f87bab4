import { expect } from "chai";
import { type VideoOptions, videoFrame, videoKinds, videoPlans } from "../../../../../services/dataset/core/media/video.ts";

const options = (changes: Partial<VideoOptions> = {}): VideoOptions => ({
  width: 96,
  height: 64,
  durationSec: 2.5,
  fps: 4,
  kind: "moving_shapes",
  format: "webm",
  codec: "libvpx-vp9",
  audio: undefined,
  batchSize: 1,
  ...changes,
});
const planOf = (changes: Partial<VideoOptions> = {}, turn = 0) => videoPlans(options(changes), 0, turn)[0] ?? expect.fail();

describe("the videos of a turn", () => {
  it("have as many frames as fit into their length, one at least, and audio as long", () => {
    expect(planOf()).to.include({ frames: 10, audioFrames: 0 });
    expect(planOf({ durationSec: 0.1 })).to.include({ frames: 1 });
    const audio = { codec: "libopus", sampleRateHz: 8000, depth: 16, channels: 1 } as const;
    expect(planOf({ audio })).to.include({ audioFrames: 20_000 });
  });

  it("are the same in all turns, unless there is noise in them", () => {
    const audio = { codec: "libopus", sampleRateHz: 8000, depth: 16, channels: 1 } as const;
    expect(planOf({}, 1)).to.deep.equal(planOf({}, 2));
    expect(planOf({ kind: "noise" }, 1)).to.not.deep.equal(planOf({ kind: "noise" }, 2));
    expect(planOf({ audio }, 1)).to.not.deep.equal(planOf({ audio }, 2));
  });

  for (const kind of videoKinds) {
    it(`of ${kind} have frames of the whole size that differ from each other, the same each time`, () => {
      const plan = planOf({ kind });
      const [first, third] = [videoFrame(plan, 1, 0), videoFrame(plan, 1, 3)];
      expect(first).to.have.length(3 * 96 * 64);
      expect(first).to.not.deep.equal(third);
      expect(videoFrame(plan, 1, 3)).to.deep.equal(third);
    });
  }

  it("show shapes in the colours and at the places of AIPerf's", () => {
    const pixel = (frame: Uint8Array, x: number, y: number) => [...frame.subarray(3 * (96 * y + x), 3 * (96 * y + x) + 3)];
    const plan = planOf();
    const frame = videoFrame(plan, 1, 2);
    // After 2 of 10 frames the red circle has gone 2/10 of twice the width, and the green square as much of twice the height.
    expect(pixel(frame, Math.floor((96 / 10) * 4) - 10, 32)).to.deep.equal([255, 0, 0]);
    expect(pixel(frame, 48, Math.floor((64 / 10) * 4) - 10)).to.deep.equal([0, 255, 0]);
    expect(pixel(frame, 2, 2)).to.deep.equal([0, 0, 0]);
  });
});
