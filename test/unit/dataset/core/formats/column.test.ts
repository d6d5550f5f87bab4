import { expect } from "chai";
import { formatNamed } from "../../../../../services/dataset/core/formats/catalog.ts";
import { columnFormat } from "../../../../../services/dataset/core/formats/column.ts";
import { loadedRows, problemOf, readOne, rowOf } from "../loading.ts";

const of = (name: string) => columnFormat(name) ?? expect.fail("no format");
const png = "iVBORw0KGgoAAAANSUhEUgAA";

describe("the prompts of a column", () => {
  const prompts = of("column:prompt");
  const textsOf = (prompt: unknown) => rowOf(prompts, { prompt }).turns.map(({ messages }) => messages[0]?.content);

  it("are texts as they are, or lists of texts: conversations of so many turns", () => {
    expect(textsOf(" one\n")).to.deep.equal([" one\n"]);
    expect(textsOf(["one", " two\n", "", null])).to.deep.equal(["one", "two"]);
  });

  it("are nothing else", () => {
    for (const prompt of [5, ["a", 1], { text: "a" }, "\ud800"]) {
      expect(problemOf(prompts, { prompt, other: "x" })).to.match(/^prompt: expected a text or a list of texts/);
    }
  });

  it("are missed by the first row that has no such column, which says what it has", () => {
    expect(problemOf(prompts, { promt: "x", other: 1 })).to.equal(
      "undefined: expected the field prompt, got nothing; the row has promt, other",
    );
  });

  it("are left out and counted where they are blank", () => {
    const rows = [{ prompt: "a" }, { prompt: " " }, { prompt: null }, { prompt: [] }, {}];
    const { usedRows, skippedRows, notes } = loadedRows(rows, { format: "column:prompt" });
    expect({ usedRows, skippedRows, notes }).to.deep.equal({
      usedRows: 5,
      skippedRows: 0,
      notes: ["rows that have no prompt were left out, as in AIPerf: 4"],
    });
  });

  it("stand beside media of other columns, of which each may be a list", () => {
    const format = of("column:q,image=pictures,audio=sound");
    const [turn] = rowOf(format, { q: "what?", pictures: ["a.png", { bytes: png, path: "x" }], sound: null }).turns;
    expect(turn?.messages[0]?.parts?.map(({ modality, content }) => [modality, content])).to.deep.equal([
      ["text", "what?"],
      ["image", "data:image/png;base64,a.png"],
      ["image", `data:image/png;base64,${png}`],
    ]);
    expect(problemOf(format, { q: "what?", pictures: "missing.png", sound: null })).to.match(
      /^pictures: "missing.png": there is no/,
    );
    expect(problemOf(format, { q: "what?", pictures: null, sound: { bytes: png } })).to.match(
      /^sound: expected a file of wav, mp3/,
    );
    expect(loadedRows([{ q: "what?", pictures: null }, { q: "and?" }], { format: format.name }).notes).to.deep.equal([
      "no row has the field sound",
    ]);
  });

  it("give their media to the first turn of a conversation alone", () => {
    const { turns } = rowOf(of("column:q,image=i"), { q: ["one", "two"], i: "a.png" });
    expect(turns.map(({ messages }) => messages[0]?.parts?.length ?? 0)).to.deep.equal([2, 0]);
  });

  it("have a name, and media of one column each", () => {
    expect(formatNamed("column:a,b")?.fields).to.deep.equal(["a,b"]);
    for (const name of ["column:", "column:,image=i", "column:a,image=", "column:a,image=b,image=c", "columns:a"]) {
      expect(columnFormat(name), name).to.equal(undefined);
    }
  });

  it("are no format that is found by itself", () => expect(prompts.recognizes({ prompt: "a" }, {} as never)).to.equal(false));

  it("keep nothing from load to load", () => expect(readOne(prompts, {})).to.have.property("problem"));
});
