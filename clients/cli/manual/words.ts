/** What a completion may offer where. Pure. */
import type { CommandPage, OptionRow } from "./page.ts";

/** First words of commands, and the second words of those that have some: `runs` → `list`, `show`, …. */
export function commandWords(
  pages: readonly CommandPage[],
): Map<string, { readonly summary: string; readonly second: CommandPage[] }> {
  const words = new Map<string, { readonly summary: string; readonly second: CommandPage[] }>();
  for (const page of pages) {
    for (const name of [page.name, ...page.aliases]) {
      const [first = "", second] = name.split(" ");
      const known = words.get(first);
      if (second !== undefined && known !== undefined) known.second.push(page);
      else
        words.set(first, {
          summary: second === undefined ? page.summary : `${first} …`,
          second: second === undefined ? [] : [page],
        });
    }
  }
  words.set("help", { summary: "lists the commands", second: [] });
  return words;
}

/** All spellings of an option, that of its opposite included. */
export function spellingsOf({ spellings, negation }: OptionRow): string[] {
  return [...spellings, ...(negation === undefined ? [] : [negation])];
}

/** Single quotes for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
