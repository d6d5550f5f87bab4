/** The texts of `--help`. Pure. */

import { wrap } from "../../report/text.ts";
import { type CommandRow, commands, programs } from "./commands.ts";
import { type CommandPage, isShort, type OptionRow, pageOf } from "./manual/page.ts";

/** What `assay --help` prints. */
export function overview(): string {
  const rows: readonly CommandRow[] = Object.values(commands);
  const shown = [
    ...rows.map((row) => {
      const { usage, summary } = pageOf(row);
      return [usage.replace(/ \[options\]$/, ""), `${summary}${aliasesOf(row)}`] as const;
    }),
    ...programs.map(({ name, summary }) => [`assay ${name}`, summary] as const),
    ["assay --version", "version, commit and Node"] as const,
  ];
  const width = Math.max(...shown.map(([usage]) => usage.length)) + 2;
  return [
    "assay: measures how fast an inference server is, and says how far its figures can be trusted",
    "",
    ...shown.map(([usage, summary]) => `  ${usage.padEnd(width)}${summary}`),
    "",
    "assay COMMAND --help lists the options of a command. To see it work: assay run --mock",
    "",
  ].join("\n");
}

function aliasesOf({ aliases = [] }: CommandRow): string {
  return aliases.length === 0 ? "" : ` (also: assay ${aliases.join(", ")})`;
}

const leastWidth = 60;
const mostWidth = 120;
const columnOfDocs = 34;

/** What `assay COMMAND --help` prints. `width`: columns of the terminal. */
export function helpOf(page: CommandPage, width: number): string {
  const columns = Math.min(Math.max(width, leastWidth), mostWidth);
  const groups = [...new Set(page.options.map(({ group }) => group))];
  return [
    ...wrap(`${page.usage}: ${page.summary}`, columns),
    ...groups.flatMap((group) => [
      "",
      ...(groups.length > 1 ? [group] : []),
      ...page.options.filter((option) => option.group === group).flatMap((option) => optionLines(option, columns)),
    ]),
    ...page.notes.flatMap((note) => ["", ...wrap(note, columns)]),
    ...(page.examples.length === 0 ? [] : ["", "Examples", ...page.examples.map((example) => `  ${example}`)]),
    "",
    ...wrap(`Exit codes: ${page.exits.join(" · ")}`, columns),
    "",
  ].join("\n");
}

/** Short spellings and the first long one stand in front, the others behind what it does. */
function optionLines({ spellings, negation, value, doc }: OptionRow, columns: number): string[] {
  const long = spellings.filter((spelling) => !isShort(spelling));
  const front = [...spellings.filter(isShort), ...long.slice(0, 1)];
  const others = [...long.slice(1), ...(negation === undefined ? [] : [negation])];
  const usage = `  ${front.join(", ")}${value === undefined ? "" : ` ${value}`}`;
  const lines = wrap(others.length === 0 ? doc : `${doc}; also ${others.join(", ")}`, columns - columnOfDocs);
  const head = usage.length < columnOfDocs - 1 ? [usage.padEnd(columnOfDocs) + (lines.shift() ?? "")] : [usage];
  return [...head, ...lines.map((line) => " ".repeat(columnOfDocs) + line)];
}
