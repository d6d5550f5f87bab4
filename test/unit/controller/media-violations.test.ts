import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema, type SyntheticDatasetSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";

type Synthetic = Exclude<MessageInitShape<typeof SyntheticDatasetSchema>, { $typeName: string }>;

const specOf = (synthetic: Synthetic) =>
  create(RunSpecSchema, {
    models: ["m"],
    dataset: { source: { case: "synthetic", value: synthetic } },
    phases: [{ name: "profiling", kind: 2, load: { case: "concurrency", value: { limit: 1 } }, stop: { requestCount: 1n } }],
  });
const compiled = (synthetic: Synthetic) => {
  const { dataset } = compileRunSpec(specOf(synthetic), () => 1n).spec;
  return dataset?.source.case === "synthetic" ? dataset.source.value : expect.fail();
};
function problemsOf(synthetic: Synthetic): string[] {
  try {
    compiled(synthetic);
    return [];
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return error.violations.map(({ field, description }) => `${field.replace("dataset.synthetic.", "")}: ${description}`);
  }
}
const side = { mean: 64 };
const images = { width: side, height: side };
const lengthSec = { mean: 1 };
const video = { width: 64, height: 48 };

describe("media that a spec asks for", () => {
  it("have AIPerf's defaults", () => {
    expect(compiled({ images }).images).to.deep.include({
      format: "png",
      source: "noise",
      sourceSampling: "random-with-replacement",
      batchSize: 1,
    });
    expect(compiled({ audio: { lengthSec } }).audio).to.deep.include({
      format: "wav",
      sampleRatesKhz: [16],
      depths: [16],
      channels: 1,
      batchSize: 1,
    });
    expect(compiled({ video }).video).to.deep.include({
      durationSec: 5,
      fps: 4,
      synthType: "moving_shapes",
      format: "webm",
      codec: "libvpx-vp9",
      batchSize: 1,
      audioChannels: 0,
      audioCodec: "",
    });
    const sound = { audioSampleRateHz: 44_100, audioDepth: 16 };
    expect(compiled({ video: { ...video, audioChannels: 1 } }).video).to.deep.include({ ...sound, audioCodec: "libvorbis" });
    expect(compiled({ video: { ...video, audioChannels: 1, format: "mp4" } }).video).to.deep.include({
      ...sound,
      audioCodec: "libopus",
    });
  });

  it("are none where nothing is said of them", () => {
    const { images: pictures, audio, video: film, rankings } = compiled({});
    expect([pictures, audio, film, rankings]).to.deep.equal([undefined, undefined, undefined, undefined]);
  });

  const wrong: readonly (readonly [Synthetic, ...string[]])[] = [
    [{ images: { width: side } }, "images.height: is needed"],
    [{ images: { ...images, width: { mean: 0 } } }, "images.width.mean: must be from 1 to 16384, got 0"],
    [{ images: { ...images, format: "gif" } }, 'images.format: must be png, jpeg, random, got "gif"'],
    [
      { images: { ...images, source: "assets" } },
      "images.source: AIPerf's own pictures are not part of this program: name a folder of pictures, or noise",
    ],
    [{ images: { ...images, source: "pics" } }, 'images.source: must be noise or the absolute path of a folder, got "pics"'],
    [
      { images: { ...images, sourceSampling: "shuffle-cycle" } },
      "images.source_sampling: shuffle-cycle needs a folder of pictures",
    ],
    [
      { images: { ...images, source: "/p", sourceSampling: "any" } },
      'images.source_sampling: must be random-with-replacement, shuffle-cycle, sequential-cycle, got "any"',
    ],
    [{ images: { ...images, batchSize: 10_001 } }, "images.batch_size: must be at most 10000, got 10001"],
    [{ audio: {} }, "audio.length_sec: is needed"],
    [{ audio: { lengthSec: { mean: 0.001 } } }, "audio.length_sec.mean: must be from 0.01 to 3600, got 0.001"],
    [
      { audio: { lengthSec, depths: [12], channels: 3, sampleRatesKhz: [0.5] } },
      "audio.sample_rates_khz: must be from 1 to 384, got 0.5",
      "audio.depths: must be 8, 16, 24, 32, got 12",
      "audio.channels: must be 1 or 2, got 3",
    ],
    [
      { audio: { lengthSec, format: "mp3", sampleRatesKhz: [96] } },
      "audio.sample_rates_khz: must be 8, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48 for mp3, got 96",
    ],
    [{ video: { width: 64 } }, "video.height: must be from 2 to 7680, got 0"],
    [{ video: { ...video, durationSec: 0.1 } }, "video.duration_sec: has no frame: 0.1 s of 4 frames a second"],
    [
      { video: { ...video, codec: "-f", synthType: "film", format: "avi" } },
      'video.synth_type: must be moving_shapes, grid_clock, noise, got "film"',
      'video.format: must be webm, mp4, got "avi"',
      'video.codec: must be the name of an encoder, got "-f"',
    ],
    [
      { video: { ...video, audioChannels: 3, audioSampleRateHz: 1, audioDepth: 9, audioCodec: "mp3" } },
      "video.audio_channels: must be at most 2, got 3",
      "video.audio_sample_rate_hz: must be from 8000 to 96000, got 1",
      "video.audio_depth: must be 8, 16, 24, 32, got 9",
      'video.audio_codec: must be aac, libvorbis, libopus, got "mp3"',
    ],
  ];
  for (const [synthetic, ...problems] of wrong) {
    it(`are refused by their fields: ${problems[0]}`, () => expect(problemsOf(synthetic)).to.deep.equal(problems));
  }
});
