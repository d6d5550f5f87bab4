import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const docs = join(import.meta.dirname, "../../../docs");
const rule = /^:?-+:?$/;

function cellsOf(row: string): string[] {
  return row
    .trim()
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** Tables of a page: runs of lines that begin with a bar, outside of code. */
function tablesOf(page: string): { readonly line: number; readonly rows: readonly string[] }[] {
  const tables: { line: number; rows: string[] }[] = [];
  let isCode = false;
  let isTable = false;
  for (const [index, text] of page.split("\n").entries()) {
    if (text.trimStart().startsWith("```")) isCode = !isCode;
    const isRow = !isCode && text.startsWith("|");
    if (isRow && !isTable) tables.push({ line: index + 1, rows: [] });
    if (isRow) tables.at(-1)?.rows.push(text);
    isTable = isRow;
  }
  return tables;
}

describe("the tables of docs/", () => {
  for (const name of readdirSync(docs).filter((file) => file.endsWith(".md"))) {
    it(`of ${name} have one rule, below their header, and as many cells in every row`, () => {
      for (const { line, rows } of tablesOf(readFileSync(join(docs, name), "utf8"))) {
        const [header = "", ...others] = rows;
        const isRule = others.map((row) => cellsOf(row).every((cell) => rule.test(cell)));
        expect(isRule, `rules of the table at line ${line}`).to.deep.equal(others.map((_, index) => index === 0));
        const counts = new Set(rows.map((row) => cellsOf(row).length));
        expect([...counts], `cells of the table at line ${line}`).to.deep.equal([cellsOf(header).length]);
      }
    });
  }
});
