import { expect } from "chai";
import fc from "fast-check";
import { type Table, tableLines } from "../../../report/table.ts";
import { harmless, widthOf } from "../../../report/text.ts";

const plain = { title: (text: string) => text, header: (text: string) => text, cell: (text: string) => text };

const table: Table = {
  title: "Errors",
  columns: [
    { header: "Code", align: "left" },
    { header: "Count", align: "right", dropRank: 0 },
    { header: "Example", align: "left", minWidth: 6 },
  ],
  rows: [
    ["refused", "12", "no one listens there"],
    ["模型", "3", "a\nb"],
  ],
};

describe("a table", () => {
  it("has a frame, aligned columns and cells of several lines", () => {
    expect(tableLines(table, 80, plain)).to.deep.equal([
      "                  Errors",
      "┏━━━━━━━━━┳━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━┓",
      "┃ Code    ┃ Count ┃ Example              ┃",
      "┡━━━━━━━━━╇━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━┩",
      "│ refused │    12 │ no one listens there │",
      "│ 模型    │     3 │ a                    │",
      "│         │       │ b                    │",
      "└─────────┴───────┴──────────────────────┘",
    ]);
  });

  it("drops a column and breaks another when it is too wide", () => {
    expect(tableLines(table, 26, plain)).to.deep.equal([
      "          Errors",
      "┏━━━━━━━━━┳━━━━━━━━━━━━━━┓",
      "┃ Code    ┃ Example      ┃",
      "┡━━━━━━━━━╇━━━━━━━━━━━━━━┩",
      "│ refused │ no one       │",
      "│         │ listens      │",
      "│         │ there        │",
      "│ 模型    │ a            │",
      "│         │ b            │",
      "└─────────┴──────────────┘",
    ]);
  });

  it("is a rectangle within its width, whatever is in it", () => {
    const cell = fc.string({ unit: "grapheme", maxLength: 60 }).map(harmless);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), fc.integer({ min: 30, max: 100 }), (rows, width) => {
        const columns = [
          { header: "A", align: "left", minWidth: 10 },
          { header: "B", align: "right", minWidth: 10 },
        ] as const;
        const [, ...lines] = tableLines({ title: "T", columns, rows }, width, plain);
        expect(new Set(lines.map(widthOf)).size).to.equal(1);
        expect(widthOf(lines[0] ?? "")).to.be.at.most(width);
      }),
      { numRuns: 200 },
    );
  });

  it("is painted without being moved", () => {
    const red = (text: string) => `<${text}>`;
    const painted = tableLines(table, 80, { title: red, header: red, cell: red });
    expect(painted.map((line) => line.replaceAll(/[<>]/g, ""))).to.deep.equal(tableLines(table, 80, plain));
  });
});
