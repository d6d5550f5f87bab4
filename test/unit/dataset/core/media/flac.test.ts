import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { flacSeconds, wavOfFlac } from "../../../../../services/dataset/core/media/flac.ts";

// Written by libsndfile 1.2, the WAV files of the samples that it reads back.
const folder = join(import.meta.dirname, "../../../../fixtures/flac");
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".flac") ? [file.slice(0, -5)] : []));
const most = 1 << 20;
const read = (file: string): Buffer => readFileSync(join(folder, file));

/** A file's form and samples, whatever other chunks it has. */
function partsOf(wav: Buffer): { readonly form: string; readonly samples: string } {
  const data = wav.indexOf("data") + 4;
  const form = [wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)].join(" ");
  return { form, samples: wav.subarray(data + 4, data + 4 + wav.readUInt32LE(data)).toString("hex") };
}

describe("a FLAC file", () => {
  for (const name of names) {
    it(`becomes WAV of the same samples: ${name}`, () => {
      const made = wavOfFlac(read(`${name}.flac`), most);
      if ("problem" in made) expect.fail(made.problem);
      expect(partsOf(Buffer.from(made.bytes))).to.deep.equal(partsOf(read(`${name}.wav`)));
    });
  }

  it("is refused wherever it is cut off, and where its bytes are others", () => {
    const file = read("near-16.flac");
    const problem = "is a FLAC file that is damaged or cut off";
    for (let length = 0; length < file.length; length += 7)
      expect(wavOfFlac(file.subarray(0, length), most)).to.deep.equal({ problem });
    const other = Buffer.from(file);
    other.fill(0xff, 200, 400);
    expect(wavOfFlac(other, most)).to.have.property("problem");
  });

  it("is refused where its samples are more than can be sent", () => {
    expect(wavOfFlac(read("silence.flac"), 8199)).to.deep.equal({ problem: "has more than 8199 bytes as WAV" });
    expect(wavOfFlac(read("silence.flac"), 8200)).to.have.property("bytes");
  });

  it("may have a tag behind its last frame", () => {
    expect(wavOfFlac(Buffer.concat([read("mono-16.flac"), Buffer.from("TAG and more")]), most)).to.have.property("bytes");
  });

  it("is as long as its head says, without the rest of it", () => {
    const head = read("mono-8.flac").subarray(0, 60).toString("base64");
    expect(flacSeconds(head)).to.equal(600 / 8000);
    expect(flacSeconds(read("mono-8.wav").toString("base64"))).to.equal(undefined);
    expect(flacSeconds("")).to.equal(undefined);
    expect(flacSeconds("no base64!")).to.equal(undefined);
  });
});
