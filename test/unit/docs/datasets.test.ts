import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { loadingOf } from "../dataset/core/loading.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/datasets.md"), "utf8");
/** Rows of a format: a block that says `jsonl` and the format's name. */
const examples = [...page.matchAll(/^```jsonl (\w+)\n(.*?)^```/gms)].map(([, format = "", rows = ""]) => ({ format, rows }));

describe("the rows shown in docs/datasets.md", () => {
  it("are there", () => expect(examples).to.not.deep.equal([]));

  for (const { format, rows } of examples) {
    it(`can all be carried out as ${format}, and are known as that: ${rows.slice(0, 40)}`, () => {
      const loading = loadingOf();
      loading.push(Buffer.from(rows));
      const loaded = loading.end();
      expect(loaded.format).to.equal(format);
      expect(loaded.usedRows).to.equal(rows.trimEnd().split("\n").length);
      expect([...loaded.unknownFields]).to.deep.equal([]);
    });
  }
});
