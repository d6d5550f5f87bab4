/** The reference page of the command line, in Markdown. Pure. */
import { type CommandPage, isShort, type OptionRow } from "./page.ts";

/** `docs/reference.md`. */
export function referencePage(pages: readonly CommandPage[]): string {
  return [
    "# Command line",
    "",
    "Made from the program's own tables: `npm run reference` writes it. Each option can be given as a variable of the environment, too.",
    "",
    "What wins, from the weakest: the defaults; the file of `--config`; the environment; options; `--set`. `assay config show` prints",
    "what comes of all of them together.",
    "",
    ...pages.map(({ name }) => `- [assay ${name}](#assay-${name.replaceAll(" ", "-")})`),
    ...pages.flatMap(commandSection),
    "",
  ].join("\n");
}

function commandSection(page: CommandPage): string[] {
  const groups = [...new Set(page.options.map(({ group }) => group))];
  return [
    "",
    `## assay ${page.name}`,
    "",
    `\`${page.usage}\`: ${page.summary}.`,
    ...(page.aliases.length === 0 ? [] : ["", `Also: ${page.aliases.map((alias) => `\`assay ${alias}\``).join(", ")}.`]),
    ...page.notes.flatMap((note) => ["", escaped(note)]),
    ...groups.flatMap((group) => [
      "",
      ...(groups.length > 1 ? [`**${group}**`, ""] : []),
      ...optionTable(page.options.filter((option) => option.group === group)),
    ]),
    ...(page.examples.length === 0 ? [] : ["", "```", ...page.examples, "```"]),
    "",
    `Exit codes: ${page.exits.join("; ")}.`,
  ];
}

function optionTable(options: readonly OptionRow[]): string[] {
  const hasPaths = options.some(({ path }) => path !== undefined);
  const hasVariables = options.some(({ variable }) => variable !== undefined);
  const columns = ["option", "meaning", ...(hasVariables ? ["environment"] : []), ...(hasPaths ? ["RunSpec"] : [])];
  const cells = options.map((option) => [
    spellingCell(option),
    escaped(option.doc),
    ...(hasVariables ? [option.variable === undefined ? "" : `\`${option.variable}\``] : []),
    ...(hasPaths ? [option.path === undefined ? "" : `\`${option.path}\``] : []),
  ]);
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...cells.map(line)];
}

function spellingCell({ spellings, negation, value }: OptionRow): string {
  const long = spellings.filter((spelling) => !isShort(spelling));
  const shown = [...spellings.filter(isShort), ...long, ...(negation === undefined ? [] : [negation])];
  return `\`${shown.join("` `")}${value === undefined ? "" : ` ${value}`}\``;
}

function escaped(text: string): string {
  return text.replaceAll(/([<>|*_`])/g, "\\$1");
}
