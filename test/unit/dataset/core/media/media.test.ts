import { expect } from "chai";
import { mediaPlans, problemAhead, withMedia } from "../../../../../services/dataset/core/media/media.ts";

const size = (mean: number) => ({ mean, stddev: 0 });
const images = (width: number, height: number, batchSize: number, format: "png" | "jpeg" = "png") => ({
  width: size(width),
  height: size(height),
  format,
  folder: undefined,
  batchSize,
});
const audio = { lengthSec: size(1), format: "wav", sampleRatesHz: [16_000], depths: [16], channels: 1, batchSize: 1 } as const;
const plans = (given: ReturnType<typeof images> | undefined, sound: typeof audio | undefined = undefined) =>
  mediaPlans({ seed: 1, images: given, audio: sound, video: undefined }, 0, 0, 0);

describe("media beside the texts of a turn", () => {
  it("are images, then audio, then videos, behind the texts of the last message", () => {
    expect(plans(images(8, 8, 2), audio).map(({ modality }) => modality)).to.deep.equal(["image", "image", "audio"]);
    const media = [{ modality: "image", content: "data:image/png;base64,AA==" }] as const;
    const system = { role: "system", content: "Be brief." } as const;
    expect(withMedia([system, { role: "user", content: "What?" }], media)).to.deep.equal([
      system,
      { role: "user", content: "What?", parts: [{ modality: "text", content: "What?" }, ...media] },
    ]);
    expect(withMedia([{ role: "user", content: "" }], media)).to.deep.equal([{ role: "user", content: "", parts: media }]);
  });

  it("that cannot be sent are known before they are made", () => {
    expect(problemAhead(plans(images(1024, 1024, 2)))).to.equal(undefined);
    expect(problemAhead(plans(images(1024, 1024, 3)))).to.equal(
      "its media have 12588240 characters as text or more, at most 12582912 are sent",
    );
    expect(problemAhead(plans(images(5000, 5000, 1, "jpeg")))).to.include("characters");
    expect(problemAhead(plans(images(16_384, 16_384, 1, "jpeg")))).to.equal(
      "an image of 16384 × 16384 has more than 64000000 pixels",
    );
  });
});
