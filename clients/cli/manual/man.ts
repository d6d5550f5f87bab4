/** The manual page, in roff with the man macros. Pure. */
import { type CommandPage, isShort, type OptionRow } from "./page.ts";

/** `man assay`. `version`: shown in its footer. */
export function manPage(pages: readonly CommandPage[], version: string): string {
  return [
    `.TH ASSAY 1 "" "assay ${version}" "Assay manual"`,
    ".SH NAME",
    "assay \\- measures how fast an inference server is, and says how far its figures can be trusted",
    ".SH SYNOPSIS",
    ".nf",
    ...pages.map(({ usage }) => roff(usage)),
    ".fi",
    ".SH DESCRIPTION",
    "Assay sends load to an inference server, stamps every chunk of every answer, and computes time to first token, inter\\-token",
    "latency, throughput and the rest from the rows of one SQLite file. To see it work:",
    "assay run \\-\\-mock",
    ".PP",
    "Each option is a variable of the environment, too: ASSAY_ and its name, as ASSAY_REQUEST_COUNT.",
    ...pages.flatMap(commandSection),
    "",
  ].join("\n");
}

function commandSection(page: CommandPage): string[] {
  const groups = [...new Set(page.options.map(({ group }) => group))];
  return [
    `.SH "ASSAY ${page.name.toUpperCase()}"`,
    `.B ${roff(page.usage)}`,
    ".PP",
    `It ${roff(page.summary)}.`,
    ...groups.flatMap((group) => [
      ...(groups.length > 1 ? [`.SS "${group}"`] : []),
      ...page.options
        .filter((option) => option.group === group)
        .flatMap((option) => [".TP", spellings(option), roff(option.doc)]),
    ]),
    ...page.notes.flatMap((note) => [".PP", roff(note)]),
    ...(page.examples.length === 0 ? [] : [".PP", ".nf", ...page.examples.map(roff), ".fi"]),
    ".PP",
    `Exit codes: ${roff(page.exits.join("; "))}.`,
  ];
}

function spellings({ spellings: all, negation, value }: OptionRow): string {
  const shown = [...all.filter(isShort), ...all.filter((one) => !isShort(one)), ...(negation === undefined ? [] : [negation])];
  return `${shown.map((one) => `\\fB${roff(one)}\\fR`).join(", ")}${value === undefined ? "" : ` \\fI${roff(value)}\\fR`}`;
}

/** A dot or an apostrophe at the start of a line would be a request. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
}
