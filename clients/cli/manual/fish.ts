/** A completion script for fish. Pure. */
import type { CommandPage, OptionRow } from "./page.ts";
import { commandWords, spellingsOf } from "./words.ts";

export function fishScript(pages: readonly CommandPage[]): string {
  const words = commandWords(pages);
  const first = [...words].map(
    ([word, { summary }]) => `complete -c assay -n __fish_use_subcommand -a ${word} -d ${text(summary)}`,
  );
  const second = [...words].flatMap(([word, { second: below }]) => {
    const names = below.map(({ name }) => name.split(" ")[1] ?? "");
    const isOpen = text(`__fish_seen_subcommand_from ${word}; and not __fish_seen_subcommand_from ${names.join(" ")}`);
    return below.map((page, index) => `complete -c assay -n ${isOpen} -a ${names[index]} -d ${text(page.summary)}`);
  });
  return [
    "# fish completion of assay; a file assay.fish in ~/.config/fish/completions",
    "complete -c assay -f",
    "complete -c assay -n __fish_use_subcommand -l version -d 'version, commit and Node'",
    "complete -c assay -n __fish_use_subcommand -s h -l help -d 'lists the commands'",
    ...first,
    ...second,
    ...pages.flatMap(pageLines),
    "",
  ].join("\n");
}

function pageLines(page: CommandPage): string[] {
  const seen = [page.name, ...page.aliases].map((name) =>
    name
      .split(" ")
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join("; and "),
  );
  const when = text(seen.length === 1 ? (seen[0] ?? "") : seen.map((one) => `begin; ${one}; end`).join("; or "));
  const operands = page.operands.flatMap(({ completes }) => {
    if (completes === undefined) return [];
    if (completes === "file") return [`complete -c assay -n ${when} -F`];
    return completes === "folder"
      ? [`complete -c assay -n ${when} -a '(__fish_complete_directories)'`]
      : [`complete -c assay -n ${when} -a ${text(completes.join(" "))}`];
  });
  return [...operands, ...page.options.map((row) => `complete -c assay -n ${when} ${optionWords(row)} -d ${text(row.doc)}`)];
}

function optionWords(row: OptionRow): string {
  // fish knows -x, --long and old-style -long; all of ours are of the first two kinds, but for -vv.
  const names = spellingsOf(row).map((spelling) => {
    const bare = spelling.replace(/^-+/, "");
    return spelling.startsWith("--") ? `-l ${bare}` : bare.length === 1 ? `-s ${bare}` : `-o ${bare}`;
  });
  if (row.value === undefined) return names.join(" ");
  if (row.choices !== undefined) return `${names.join(" ")} -x -a ${text(row.choices.join(" "))}`;
  return `${names.join(" ")} ${row.completes === undefined ? "-x" : "-r -F"}`;
}

function text(given: string): string {
  return `'${given.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
