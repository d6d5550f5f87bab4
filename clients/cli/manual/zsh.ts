/** A completion script for zsh. Pure. */
import type { CommandPage, OptionRow } from "./page.ts";
import { commandWords, quoted, spellingsOf } from "./words.ts";

export function zshScript(pages: readonly CommandPage[]): string {
  const words = commandWords(pages);
  const single = [...words].filter(([, { second }]) => second.length === 0);
  const groups = [...words].filter(([, { second }]) => second.length > 0);
  const pageByWord = new Map(pages.flatMap((page) => [page.name, ...page.aliases].map((name) => [name, page] as const)));
  return [
    "#compdef assay",
    "# zsh completion of assay; a file _assay in a folder of $fpath",
    "_assay() {",
    "  local context state state_descr line",
    "  typeset -A opt_args",
    "  _arguments -C '(- *)--version[version, commit and Node]' '(- *)'{-h,--help}'[lists the commands]' '1: :->command' '*:: :->rest'",
    "  case $state in",
    "    command) local -a names=(",
    ...[...words].map(([word, { summary }]) => `        ${quoted(`${word}:${summary.replaceAll(":", "\\:")}`)}`),
    "      ); _describe command names ;;",
    "    rest) case $line[1] in",
    ...single.flatMap(([word]) => {
      const page = pageByWord.get(word);
      return page === undefined ? [] : [`      ${word}) ${argumentsOf(page)} ;;`];
    }),
    ...groups.flatMap(([first, { second }]) => groupCase(first, second)),
    "    esac ;;",
    "  esac",
    "}",
    '_assay "$@"',
    "",
  ].join("\n");
}

function groupCase(first: string, pages: readonly CommandPage[]): string[] {
  const rows = pages.map((page) => [page.name.split(" ")[1] ?? "", page] as const);
  return [
    `      ${first}) _arguments -C '1: :->second' '*:: :->below'`,
    "        case $state in",
    "          second) local -a names=(",
    ...rows.map(([word, { summary }]) => `              ${quoted(`${word}:${summary.replaceAll(":", "\\:")}`)}`),
    "            ); _describe command names ;;",
    "          below) case $line[1] in",
    ...rows.map(([word, page]) => `            ${word}) ${argumentsOf(page)} ;;`),
    "          esac ;;",
    "        esac ;;",
  ];
}

function argumentsOf({ options, operands }: CommandPage): string {
  const specs = options.flatMap(optionSpecs);
  const places = operands.map(({ name, isOptional, isRepeated, completes }) => {
    const action = typeof completes === "object" ? `(${completes.join(" ")})` : filesOf(completes);
    return quoted(`${isRepeated ? "*" : isOptional ? ":" : ""}:${name}:${action}`);
  });
  return `_arguments ${[...specs, ...places].join(" ")}`;
}

/** One specification a spelling; each excludes the others unless the option may be repeated. */
function optionSpecs(row: OptionRow): string[] {
  const spellings = spellingsOf(row);
  const excluded = row.isRepeatable ? "*" : `(${spellings.join(" ")})`;
  const doc = `[${row.doc.replaceAll(/([[\]\\:])/g, "\\$1")}]`;
  const value = row.value === undefined ? "" : `:${row.value.replaceAll(":", "\\:")}:${actionOf(row)}`;
  return spellings.map((spelling) => quoted(`${excluded}${spelling}${doc}${value}`));
}

function actionOf({ choices, completes }: OptionRow): string {
  if (choices !== undefined) return `(${choices.join(" ")})`;
  return filesOf(completes);
}

function filesOf(completes: "file" | "folder" | undefined): string {
  return completes === "file" ? "_files" : completes === "folder" ? "_files -/" : " ";
}
