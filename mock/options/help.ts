/** What is said about the options: `--help`, and the reference part of docs/mock.md, both made from the tables. Pure. */
import { distributionForms } from "../answers/distribution.ts";
import { failureKinds } from "../answers/failures.ts";
import { defaultOptions } from "../options.ts";
import { shown } from "./kinds.ts";
import { type OptionRow, optionGroups, optionTable } from "./table.ts";

type Row = readonly [left: string, right: string];

const statusRow: Row = ["400 to 599", "this HTTP status with an error body, at once"];
const failureRows: readonly Row[] = [statusRow, ...Object.entries(failureKinds).map(([name, { doc }]): Row => [name, doc])];
const distributionRows: readonly Row[] = distributionForms.map(({ form, doc }): Row => [form, doc]);

/** The text of `--help`. */
export function helpText(): string {
  const sections = [
    ...optionGroups.map((group): [string, readonly Row[]] => [
      group,
      rowsOf(group).map(({ row, note }) => [usageOf(row), row.doc + note]),
    ]),
    ["Kinds of failures (KIND)", failureRows] as [string, readonly Row[]],
    ["Distributions (MS of --ttft, --itl and --slow; N of --osl and --tokens-per-chunk)", distributionRows] as [
      string,
      readonly Row[],
    ],
  ];
  const width = Math.max(...sections.flatMap(([, rows]) => rows.map(([left]) => left.length)));
  const lines = sections.flatMap(([title, rows]) => [
    "",
    title,
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right.replaceAll("`", "")}`),
  ]);
  return [
    "assay mock: an OpenAI-style inference server that is never the limit of a benchmark, and fails where it is told to",
    "",
    "serves POST /v1/chat/completions and /v1/completions, GET /v1/models, /health, /metrics, /stats and /dcgm/metrics;",
    "with --grpc-port KServe's inference service, as Triton speaks it",
    ...lines,
    "",
    `  ${"--help".padEnd(width)}  this text`,
    "",
  ].join("\n");
}

/** The reference part of docs/mock.md, as Markdown. */
export function optionsPage(): string {
  const groups = optionGroups.map((group) => {
    const rows = rowsOf(group).map(({ row }) => [`\`${usageOf(row)}\``, defaultOf(row), row.doc]);
    return `### ${group}\n\n${tableOf(["option", "default", "what it does"], rows)}`;
  });
  return [
    ...groups,
    `### Kinds of failures\n\n${tableOf(["`KIND`", "what a client sees"], failureRows.map(coded))}`,
    `### Distributions\n\n${tableOf(["written", "drawn"], distributionRows.map(coded))}`,
  ].join("\n");
}

function coded([name, doc]: Row): string[] {
  return [name === statusRow[0] ? name : `\`${name}\``, doc];
}

function rowsOf(group: string): { row: OptionRow; note: string }[] {
  return optionTable
    .filter((row) => row.group === group)
    .map((row) => ({ row, note: defaultOf(row) === "" ? "" : ` (default ${defaultOf(row)})` }));
}

/** An option's default as it would be written; empty where it is that nothing was given. */
export function defaultOf({ key, kind }: OptionRow): string {
  const value = defaultOptions[key];
  return kind.is === "switch" || value === null || shown(value) === '""' || shown(value) === "" ? "" : shown(value);
}

function usageOf({ flag, value }: OptionRow): string {
  return value === undefined ? flag : `${flag} ${value}`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lineOf = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |\n`;
  return lineOf(head) + lineOf(widths.map((width) => "-".repeat(width))) + rows.map(lineOf).join("");
}
