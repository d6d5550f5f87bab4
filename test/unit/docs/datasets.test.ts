import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { LoadedFile } from "../../../services/dataset/core/file-load.ts";
import { formats } from "../../../services/dataset/core/formats/catalog.ts";
import { loadedCsv, loadingOf } from "../dataset/core/loading.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/datasets.md"), "utf8");
/** Rows of a format: a block that says `jsonl` or `csv` and the format's name. */
const examples = [...page.matchAll(/^```(jsonl|csv) (\w+)\n(.*?)^```/gms)].map(([, language, format = "", rows = ""]) => ({
  language,
  format,
  rows,
}));

function loadedOf(language: string | undefined, rows: string): LoadedFile {
  if (language === "csv") return loadedCsv(rows);
  const loading = loadingOf();
  loading.push(Buffer.from(rows));
  return loading.end();
}

describe("the rows shown in docs/datasets.md", () => {
  it("are there", () => expect(examples).to.not.deep.equal([]));

  for (const { language, format, rows } of examples) {
    it(`can all be carried out as ${format}, and are known as that: ${rows.slice(0, 40)}`, () => {
      const loaded = loadedOf(language, rows);
      expect(loaded.format).to.equal(format);
      expect(loaded.usedRows).to.equal(rows.trimEnd().split("\n").length - (language === "csv" ? 1 : 0));
      expect([...loaded.unknownFields]).to.deep.equal([]);
    });
  }

  it("are of every trace", () => {
    const traces = formats.map(({ name }) => name).filter((name) => name.endsWith("_trace"));
    expect(examples.map(({ format }) => format)).to.include.members(traces);
  });
});
