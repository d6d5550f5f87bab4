import { expect } from "chai";
import type { ContentPart } from "../../../endpoints/endpoint.ts";
import { mediaFacts, wavSeconds } from "../../../services/common/media-facts.ts";

/** PCM of so many bytes a second, behind further chunks where there are any. */
function wav(bytesPerSec: number, dataBytes: number, further: Buffer = Buffer.alloc(0), namedBytes = dataBytes): string {
  const format = Buffer.alloc(24);
  format.write("fmt ", 0);
  format.writeUInt32LE(16, 4);
  format.writeUInt32LE(bytesPerSec, 16);
  const data = Buffer.alloc(8 + dataBytes);
  data.write("data", 0);
  data.writeUInt32LE(namedBytes, 4);
  const head = Buffer.from("RIFF....WAVE");
  return `data:audio/wav;base64,${Buffer.concat([head, format, further, data]).toString("base64")}`;
}

const message = (parts: ContentPart[]) => ({ role: "user" as const, content: "", parts });

describe("what the media of a request are", () => {
  it("is how many images it has, and how long its audio is", () => {
    const audio: ContentPart = { modality: "audio", content: wav(16_000, 24_000) };
    const facts = mediaFacts([
      message([{ modality: "text", content: "x" }, { modality: "image", content: "http://a" }, audio]),
      message([{ modality: "image", content: "data:image/png;base64,AA" }, audio]),
    ]);
    expect(facts).to.deep.equal({ images: 2, audioSeconds: 3 });
  });

  it("is nothing where there are none, or where they do not tell", () => {
    expect(mediaFacts([{ role: "user", content: "x" }])).to.deep.equal({});
    expect(mediaFacts([message([{ modality: "audio", content: "data:audio/mp3;base64,SUQzBAAAAAAA" }])])).to.deep.equal({});
    expect(mediaFacts([message([{ modality: "audio", content: "http://host/a.wav" }])])).to.deep.equal({});
  });

  it("passes over chunks before the samples, and takes no more than is there", () => {
    const title = Buffer.from("LIST\x05\0\0\0title\0", "latin1");
    expect(wavSeconds(wav(8000, 4000, title))).to.equal(0.5);
    expect(wavSeconds(wav(8000, 4000, title, 0xffff_ffff))).to.equal(0.5);
    expect(wavSeconds(wav(8000, 4001))).to.be.closeTo(0.500125, 1e-9);
  });

  it("is not known of a head that is cut or broken", () => {
    const whole = wav(8000, 4000);
    for (let length = 0; length < 90; length++) expect(() => wavSeconds(whole.slice(0, length))).not.to.throw();
    expect(wavSeconds(wav(0, 4000))).to.equal(undefined);
  });
});
