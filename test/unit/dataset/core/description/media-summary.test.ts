import { expect } from "chai";
import { MediaCollector } from "../../../../../services/dataset/core/description/media-summary.ts";

const url = (bytes: number) => `data:image/png;base64,${Buffer.alloc(bytes).toString("base64")}`;
const image = (content: string) => ({ modality: "image", content }) as const;

describe("media of turns, counted", () => {
  it("are told by kind, with their sizes as files", () => {
    const media = new MediaCollector();
    media.add([{ parts: [{ modality: "text", content: "Which?" }, image(url(10)), image(url(11))] }]);
    media.add([{}, { parts: [image(url(12)), { modality: "audio", content: "https://host/a.wav" }] }]);
    const [images, audio, more] = media.summary();
    expect(images).to.include({ modality: "image", turns: 2, count: 3 });
    expect(images?.bytes).to.include({ count: 3, min: 10, mean: 11, max: 12 });
    expect(audio).to.deep.equal({ modality: "audio", turns: 2, count: 1, bytes: undefined });
    expect(more).to.equal(undefined);
  });

  it("are none where turns have texts alone", () => {
    const media = new MediaCollector();
    media.add([{ parts: [{ modality: "text", content: "a" }] }]);
    expect(media.summary()).to.deep.equal([]);
  });
});
