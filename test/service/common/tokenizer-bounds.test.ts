import { expect } from "chai";
import { clockedCounter } from "../../../services/common/tokenizer/bounds.ts";
import { createHuggingFaceCounter } from "../../../services/common/tokenizer/hugging-face.ts";

const split = (regex: string) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const definitionOf = (preTokenizer: unknown) => ({
  normalizer: null,
  pre_tokenizer: preTokenizer,
  model: { type: "WordLevel", vocab: { a: 0, "[UNK]": 1 }, unk_token: "[UNK]" },
  post_processor: null,
  decoder: null,
  added_tokens: [],
});

const llama3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

describe("counting by a tokenizer.json of others' making", function () {
  this.timeout(60_000);

  it("ends, with what was too slow, where a text would keep its pattern busy for ever", async () => {
    const count = await createHuggingFaceCounter(definitionOf(split("(?:a|aa)+b|x")), undefined);
    expect(count("xax")).to.equal(3);
    const text = "a".repeat(60);
    for (let time = 0; time < 3; time++) {
      expect(() => count(text))
        .to.throw("tokenizer.name: its tokenizer.json takes longer than 1006 ms for a text of 60 characters")
        .with.property("code", "invalid_argument");
    }
    expect(() => count("x")).to.throw("its tokenizer.json was too slow for 3 texts: nothing more is counted by it");
  });

  it("is refused where pieces of its fixed length would have none", async () => {
    for (const length of [0, -1, "4"]) {
      const outcome = await createHuggingFaceCounter(definitionOf({ type: "FixedLength", length }), undefined).catch(String);
      expect(outcome).to.include("pieces of a fixed length must have one");
    }
    const count = await createHuggingFaceCounter(definitionOf({ type: "FixedLength", length: 2 }), undefined);
    expect(count("aaaaa")).to.equal(3);
  });

  it("gives the same counts against the clock as without", async () => {
    const texts = ["", " ", "Don't we'll  go\n\n to 12345?!  ", "ÄÖÜ naïve 世界 🚂\t\tx", "a".repeat(5000)];
    const plain = await createHuggingFaceCounter(definitionOf(split(llama3)), undefined);
    const clocked = await createHuggingFaceCounter(definitionOf(split(`${llama3}|(?:)`)), undefined);
    for (const text of texts) expect(clocked(text), text.slice(0, 20)).to.equal(plain(text));
  });

  it("has what else goes wrong told as it is", () => {
    const count = clockedCounter(() => {
      throw new TypeError("broken");
    });
    for (let time = 0; time < 5; time++) expect(() => count("x")).to.throw(TypeError, "broken");
  });

  it("has time for a long text by its length", () => {
    const started = performance.now();
    const count = clockedCounter((text) => {
      while (performance.now() - started < 1200);
      return text.length;
    });
    expect(count("x".repeat(100_000))).to.equal(100_000);
  });
});
