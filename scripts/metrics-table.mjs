// Writes the table of metrics into docs/observability.md, from the tables of instruments that the suite counts by.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { otlpNameOf } from "../services/common/observe/otlp-name.ts";
import { instrumentTables } from "../services/instruments.ts";
import { rootFolder } from "./setup.mjs";

const page = join(rootFolder, "docs/observability.md");
const marks = /** @type {const} */ (["<!-- metrics: made by scripts/metrics-table.mjs -->\n", "<!-- end of metrics -->"]);

/** The page with the table as it has to be. */
export function updatedPage() {
  const text = readFileSync(page, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start) throw new Error(`${page} has no place for the table`);
  return { before: text, after: `${text.slice(0, start)}${marks[0]}\n${table()}\n${text.slice(end)}` };
}

function table() {
  return Object.entries(instrumentTables)
    .map(([source, instruments]) => {
      const rows = Object.entries(instruments).map(([name, instrument]) => {
        /** @type {import("../services/common/observe/instrument.ts").Instrument} */
        const { kind, labels = [], help } = instrument;
        const otlp = otlpNameOf(name, instrument);
        return [`\`${name}\``, `\`${otlp}\``, kind, labels.map((label) => `\`${label}\``).join(", "), `${help}.`];
      });
      const head = ["on the page", "by OTLP", "kind", "labels", "what"];
      return `### ${titles[source] ?? source}\n\n${aligned([head, ...rows])}\n`;
    })
    .join("\n");
}

/**
 * As the formatter writes a table.
 * @param {readonly (readonly string[])[]} rows the first one is the head
 */
function aligned([head = [], ...rows]) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** @type {Record<string, string>} */
const titles = { process: "Every process", rpc: "Every server" };

if (process.argv[1] === import.meta.filename) writeFileSync(page, updatedPage().after);
