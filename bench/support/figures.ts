/** What a bench found, as a table for people and, where `npm run bench` asks for it, as lines of JSON in a file. */
import { appendFileSync } from "node:fs";
import Table from "cli-table3";

/** One figure beside what it is held against. */
export interface Figure {
  /** What was measured, `small JSON, http1`. */
  readonly figure: string;
  /** NaN: could not be measured here; `note` says why. */
  readonly measured: number;
  readonly unit: string;
  /** Something else in the same run that the figure is a ratio of. */
  readonly beside?: { readonly what: string; readonly value: number } | undefined;
  /** What is asked of the figure, or of its ratio; absent: nothing. */
  readonly bar?: { readonly of: "figure" | "ratio"; readonly atLeast?: number; readonly atMost?: number } | undefined;
  readonly note?: string | undefined;
}

/** A variable that names a file to which every figure is appended, one JSON object a line. */
export const figuresVariable = "ASSAY_BENCH_FIGURES";

/** Prints the figures of one bench, and does what `addFigures` does. */
export function reportFigures(bench: string, figures: readonly Figure[]): void {
  process.stdout.write(`${tableOf(figures.map((figure) => ({ bench, ...figure })))}\n`);
  addFigures(bench, figures);
}

/** Adds figures to the file that is asked for, and sets exit code 1 where a bar is missed. */
export function addFigures(bench: string, figures: readonly Figure[]): void {
  const file = process.env[figuresVariable];
  if (file !== undefined) for (const figure of figures) appendFileSync(file, `${JSON.stringify({ bench, ...figure })}\n`);
  if (figures.some((figure) => isMet(figure) === false)) process.exitCode = 1;
}

/** Undefined: nothing is asked, or it could not be measured. */
export function isMet({ measured, beside, bar }: Figure): boolean | undefined {
  if (bar === undefined) return undefined;
  const value = bar.of === "figure" ? measured : measured / (beside?.value ?? Number.NaN);
  if (Number.isNaN(value)) return undefined;
  return value >= (bar.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (bar.atMost ?? Number.POSITIVE_INFINITY);
}

const head = ["bench", "figure", "measured", "beside", "ratio", "bar", "met"];

/** All figures in one table. */
export function tableOf(figures: readonly (Figure & { readonly bench: string })[]): string {
  const table = new Table({
    head,
    colAligns: ["left", "left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const figure of figures) table.push(cellsOf(figure, "\n  "));
  return table.toString();
}

/** The same in Markdown, for `bench/RESULTS.md`. */
export function markdownOf(figures: readonly (Figure & { readonly bench: string })[]): string {
  const rows = [head, head.map(() => "---"), ...figures.map((figure) => cellsOf(figure, "; "))];
  return rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
}

function cellsOf(each: Figure & { readonly bench: string }, beforeNote: string): string[] {
  const { bench, figure, measured, unit, beside, bar, note } = each;
  const met = isMet(each);
  const ratio = measured / (beside?.value ?? Number.NaN);
  return [
    bench,
    note === undefined ? figure : `${figure}${beforeNote}${note}`,
    Number.isNaN(measured) ? "–" : `${numberText(measured)} ${unit}`.trim(),
    beside === undefined || Number.isNaN(beside.value) ? "" : `${beside.what}: ${numberText(beside.value)}`,
    Number.isFinite(ratio) ? ratio.toFixed(2) : "",
    bar === undefined ? "" : barText(bar, unit),
    met === undefined ? "" : met ? "met" : "missed",
  ];
}

function barText({ of, atLeast, atMost }: NonNullable<Figure["bar"]>, unit: string): string {
  const suffix = of === "ratio" ? "×" : unit === "" ? "" : ` ${unit}`;
  const least = atLeast === undefined ? [] : [`≥ ${grouped(String(atLeast))}${suffix}`];
  const most = atMost === undefined ? [] : [`≤ ${grouped(String(atMost))}${suffix}`];
  return [...least, ...most].join(", ");
}

function numberText(value: number): string {
  const size = Math.abs(value);
  return grouped(Number.isInteger(value) ? String(value) : value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3));
}

/** Thousands of the whole part apart. */
function grouped(text: string): string {
  const [whole = "", ...rest] = text.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, " "), ...rest].join(".");
}
