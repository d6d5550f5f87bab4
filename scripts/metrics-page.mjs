// Writes docs/metrics.md: every metric of the catalog, with the formula that heads its file.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adjustedMetrics, listMetrics, networkAdjustedMetrics, recordMetrics, runMetrics } from "../metrics/catalog.ts";
import { sweepMetrics } from "../metrics/sweep-line.ts";
import { rootFolder } from "./setup.mjs";

const page = join(rootFolder, "docs/metrics.md");
const marks = /** @type {const} */ (["<!-- metrics: made by scripts/metrics-page.mjs -->\n", "<!-- end of metrics -->"]);

/** The page with the tables as they have to be. */
export function updatedPage() {
  const text = readFileSync(page, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start)
    throw new Error(`${page} has no place for the tables`);
  return { before: text, after: `${text.slice(0, start)}${marks[0]}\n${tables()}\n${text.slice(end)}` };
}

function tables() {
  return [
    section("A value for each request", recordMetrics),
    section("Several values for each request", listMetrics),
    section("Made of the distribution of another metric", [...adjustedMetrics, ...networkAdjustedMetrics]),
    section("A distribution over time", sweepMetrics),
    section("A value for the whole run", runMetrics),
  ].join("\n");
}

/**
 * @param {string} title
 * @param {readonly import("../metrics/metric.ts").Metric[]} metrics
 */
function section(title, metrics) {
  const rows = [...metrics]
    .sort((one, other) => (one.tag < other.tag ? -1 : 1))
    .map((metric) => [
      `\`${metric.tag}\``,
      metric.header,
      metric.unit,
      metric.isLargerBetter ? "larger" : "smaller",
      metric.consoleOrder === undefined ? "" : String(metric.consoleOrder),
      (metric.flags ?? []).map((flag) => `\`${flag}\``).join(", "),
      (metric.formula ?? formulaOf(metric.tag)).replaceAll("|", "\\|"),
    ]);
  return `### ${title}\n\n${aligned([["tag", "header", "unit", "better", "row", "flags", "formula"], ...rows])}\n`;
}

/**
 * What heads the metric's file, on one line, as a cell of a table.
 * @param {string} tag
 */
function formulaOf(tag) {
  const path = join(rootFolder, "metrics", `${tag.replace(/^(nvidia|amd)_/, "").replaceAll("_", "-")}.ts`);
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(path, "utf8"))?.[1];
  if (comment === undefined) throw new Error(`${path} does not begin with its formula`);
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\*?\s?/, "").trim())
    .filter((line) => line !== "")
    .join(" ");
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

if (process.argv[1] === import.meta.filename) writeFileSync(page, updatedPage().after);
