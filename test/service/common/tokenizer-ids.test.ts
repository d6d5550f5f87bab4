import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { expect } from "chai";
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
});
