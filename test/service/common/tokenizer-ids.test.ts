import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { expect } from "chai";
import { createHuggingFaceCounter } from "../../../services/common/tokenizer/hugging-face.ts";
import { loadTokenizer } from "../../../services/common/tokenizer/load.ts";

/** `make.py` beside the files has made them with Python's tokenizers. */
const folder = join(import.meta.dirname, "../../fixtures/tokenizer/python");
const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));
const texts = read("texts.json") as readonly string[];

describe("a tokenizer.json", () => {
  for (const name of ["byte-level", "byte-fallback", "unigram", "word-piece"]) {
    const ids = read(`${name}.ids.json`) as readonly (readonly number[])[];

    it(`gives the ids that Python's tokenizers gives, and as many tokens: ${name}`, async () => {
      const path = join(folder, `${name}.json`);
      const tokenizer = new Tokenizer(read(`${name}.json`) as never, {} as never);
      const count = await loadTokenizer({ kind: "path", path });
      for (const [index, text] of texts.entries()) {
        const own = tokenizer.encode(text, { add_special_tokens: false }).ids;
        expect(own, JSON.stringify(text)).to.deep.equal(ids[index]);
        expect(count?.(text), JSON.stringify(text)).to.equal(ids[index]?.length);
      }
    });
  }

  // As Python's tokenizers 0.23 has them: `Σ` is `σ` in lower case, wherever it stands.
  const normalizers = [
    { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "Lowercase" }] },
  ];
  for (const normalizer of normalizers) {
    it(`has a Σ at the end of a word in capitals as Python does, letter by letter: ${normalizer.type}`, async () => {
      const pieces = ["[UNK]", "ο", "##δ", "##ο", "##σ", "##φ", "σ"];
      const definition = {
        normalizer,
        pre_tokenizer: { type: "BertPreTokenizer" },
        model: {
          type: "WordPiece",
          unk_token: "[UNK]",
          continuing_subword_prefix: "##",
          max_input_chars_per_word: 100,
          vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        },
        post_processor: null,
        decoder: { type: "WordPiece", prefix: "##", cleanup: true },
        added_tokens: [],
      };
      const count = await createHuggingFaceCounter(definition, undefined);
      expect(count("ΟΔΟΣ ΣΟΦΟΣ")).to.equal(9);
      expect(count("ΣΣ")).to.equal(2);
      const cased = await createHuggingFaceCounter(
        { ...definition, normalizer: { ...normalizers[0], lowercase: false } },
        undefined,
      );
      expect(cased("ΟΔΟΣ ΣΟΦΟΣ")).to.equal(2);
    });
  }
});
