import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { formatNamed } from "../../../../../services/dataset/core/formats/catalog.ts";
import { wavOf } from "../../../../../services/dataset/core/media/audio.ts";
import { loadedRows, problemOf, rowOf } from "../loading.ts";

const of = (name: string) => formatNamed(name) ?? expect.fail("no format");
const png = { bytes: "iVBORw0KGgoAAAANSUhEUgAA", path: null };
const textOf = (format: string, row: Record<string, unknown>) => rowOf(of(format), row).turns[0].messages[0]?.content;
const notesOf = (format: string, rows: Record<string, unknown>[]) => {
  const { notes, conversations } = loadedRows(rows, { format });
  return { notes, turns: conversations.size };
};

const wav = (seconds: number): Record<string, unknown> => {
  const form = { sampleRateHz: 100, depth: 8, channels: 1, frames: seconds * 100 };
  return { bytes: Buffer.from(wavOf(form, () => 0)).toString("base64"), path: "a.wav" };
};

// What these tables' rows become is held against AIPerf's in test/service/dataset/aiperf-inputs.test.ts.
describe("tables of public datasets", () => {
  it("ask about a video, with the choices that there are", () => {
    const video = "https://host/a.mp4";
    expect(textOf("mmvu", { question: " Which? ", choices: { A: "x", B: "", C: null, D: 4 }, video })).to.equal("Which? A.x D.4");
    expect(textOf("mmvu", { question: "Why?", choices: "none", video })).to.equal("Why?");
    const rows = [
      { question: "Why?", video },
      { question: "Why?", video: "" },
    ];
    expect(notesOf("mmvu", rows)).to.deep.equal({ notes: ["rows that have no video were left out, as in AIPerf: 1"], turns: 1 });
  });

  it("take what a user says first, whatever the messages look like", () => {
    const images = [png];
    const said = (conversation: unknown) => textOf("vision_arena", { conversation, images });
    expect(said([[{ role: "user", content: "<image> a" }]])).to.equal("a");
    expect(
      said([
        { role: "system", content: "s" },
        { role: "User", content: "b" },
      ]),
    ).to.equal("b");
    expect(said([{ content: "c" }, { content: "d" }])).to.equal("c");
    expect(problemOf(of("vision_arena"), { conversation: "x", images })).to.match(/^conversation: expected a list of messages/);
    const row = {
      conversations: [
        { from: "gpt", value: "x" },
        { from: "human", value: "y" },
      ],
      image: png,
    };
    expect(textOf("llava_onevision", row)).to.equal("y");
  });

  it("leave speech out that is longer than 30 s", () => {
    const rows = [{ audio: wav(30) }, { audio: wav(30.01) }, { audio: null }];
    const { notes, turns } = notesOf("speech", rows);
    expect(turns).to.equal(1);
    expect(notes).to.deep.equal([
      "rows that are longer than 30 s were left out, as in AIPerf: 1",
      "rows that have no audio were left out, as in AIPerf: 1",
    ]);
  });

  it("send FLAC as WAV", () => {
    const bytes = readFileSync(join(import.meta.dirname, "../../../../fixtures/flac/mono-8.flac"));
    const row = { audio: { bytes: bytes.toString("base64"), path: "a.flac" } };
    const part = rowOf(of("speech"), row).turns[0].messages[0]?.parts?.at(-1);
    expect(part?.content).to.match(/^data:audio\/wav;base64,UklGR/);
    const cut = { audio: { bytes: bytes.subarray(0, 150).toString("base64") } };
    expect(problemOf(of("speech"), cut)).to.equal("audio: is a FLAC file that is damaged or cut off");
  });

  it("take the first question of several", () => {
    expect(textOf("spec_bench", { turns: [" one ", "two"] })).to.equal("one");
    expect(notesOf("spec_bench", [{ turns: ["a"] }, { turns: [] }, { turns: "b" }]).turns).to.equal(1);
  });
});
