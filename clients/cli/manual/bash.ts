/** A completion script for bash. Pure. */
import type { CommandPage } from "./page.ts";
import { commandWords, quoted, spellingsOf } from "./words.ts";

export function bashScript(pages: readonly CommandPage[]): string {
  const words = commandWords(pages);
  const groups = [...words].filter(([, { second }]) => second.length > 0);
  return [
    "# bash completion of assay; source it, or put it into bash-completion's folder",
    "_assay() {",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: these are bash's own
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=""',
    "  COMPREPLY=()",
    "  if [ $COMP_CWORD -eq 1 ]; then",
    `    COMPREPLY=($(compgen -W ${quoted([...words.keys(), "--help", "--version"].join(" "))} -- "$cur"))`,
    "    return",
    "  fi",
    "  case $command in",
    ...groups.map(
      ([first, { second }]) =>
        `    ${first}) if [ $COMP_CWORD -eq 2 ]; then COMPREPLY=($(compgen -W ${quoted(secondWords(second).join(" "))} -- "$cur")); return; fi; command="${first} \${COMP_WORDS[2]}" ;;`,
    ),
    "  esac",
    "  case $command in",
    ...pages.flatMap(pageCase),
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    "}",
    "complete -o default -F _assay assay",
    "",
  ].join("\n");
}

function secondWords(pages: readonly CommandPage[]): string[] {
  return pages.map(({ name }) => name.split(" ")[1] ?? "");
}

/** What may stand after a flag is answered at once; else its options, and what its operand may be. */
function pageCase({ name, aliases, options, operands }: CommandPage): string[] {
  const valued = options.filter(({ value }) => value !== undefined);
  const pattern = (rows: typeof options): string => rows.flatMap(spellingsOf).join(" | ");
  const choices = valued.filter((row) => row.choices !== undefined);
  const files = valued.filter((row) => row.completes !== undefined);
  const others = valued.filter((row) => row.choices === undefined && row.completes === undefined);
  const operand = operands[0]?.completes;
  const offered = typeof operand === "object" ? operand : [];
  return [
    `    ${[name, ...aliases].map((word) => JSON.stringify(word)).join(" | ")})`,
    "      case $prev in",
    ...choices.map(
      (row) =>
        `        ${pattern([row])}) COMPREPLY=($(compgen -W ${quoted((row.choices ?? []).join(" "))} -- "$cur")); return ;;`,
    ),
    ...(files.length === 0 ? [] : [`        ${pattern(files)}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`]),
    ...(others.length === 0 ? [] : [`        ${pattern(others)}) return ;;`]),
    "      esac",
    operand === "folder" || operand === "file"
      ? `      case $cur in -*) ;; *) COMPREPLY=($(compgen ${operand === "file" ? "-f" : "-d"} -- "$cur")); return ;; esac`
      : "",
    `      words=${quoted([...offered, ...options.flatMap(spellingsOf)].join(" "))} ;;`,
  ].filter((line) => line !== "");
}
