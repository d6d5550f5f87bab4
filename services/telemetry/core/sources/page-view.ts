/** How pages of one kind are read. */
import type { FamilyText, PageLine } from "../exposition/page-reader.ts";
import type { SeriesFacts, SourceKind } from "./series.ts";

/** What a line is of. */
export interface LineMeaning {
  readonly facts: SeriesFacts;
  /** Labels that tell the series from others of its subject and name, each name followed by its value. */
  readonly apart: readonly string[];
  /** Printed value × scale = value in the unit. */
  readonly scale: number;
}

/** What comments say of a line's family, and its labels. */
export interface LineContext {
  /** By the family's name. */
  readonly families: ReadonlyMap<string, FamilyText>;
  /** Names of all lines of the page. */
  readonly names: ReadonlySet<string>;
}

/** How pages of one kind are read. */
export interface PageView {
  readonly kind: SourceKind;
  /** Whether a page is of this kind, by one of its lines. */
  isOwn(line: PageLine<unknown>): boolean;
  /** undefined: nothing that is kept. */
  describe(line: PageLine<unknown>, context: LineContext): LineMeaning | undefined;
  /** Whether a printed value stands for none. */
  isBlank(value: number): boolean;
}

/** The first of the labels that is there and not empty. */
export function labelOf({ labels }: PageLine<unknown>, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (let at = 0; at < labels.length; at += 2) if (labels[at] === name && labels[at + 1] !== "") return labels[at + 1];
  }
  return undefined;
}
