/** What a container gives, for tests. */
import { mistakeText, type RowContainer, type RowItem } from "../../../../../services/dataset/core/containers/row-item.ts";

/** The items of a file that comes in pieces which end at these offsets; a piece is gone once the next comes. */
export function itemsOf(container: RowContainer, file: string | Uint8Array, cuts: readonly number[] = []): RowItem[] {
  const bytes = Buffer.from(file as string);
  const items: RowItem[] = [];
  const take = (item: RowItem): void => {
    items.push(item);
  };
  const piece = Buffer.alloc(bytes.length);
  let start = 0;
  for (const end of [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((one, other) => one - other)) {
    bytes.copy(piece, 0, start, end);
    container.push(piece.subarray(0, end - start), take);
    piece.fill(0x58);
    start = end;
  }
  container.end(take);
  return items;
}

/** Rows as values, mistakes as texts. */
export function shownItems(items: readonly RowItem[]): unknown[] {
  return items.map((item) => (item.kind === "row" ? item.value : mistakeText(item.mistake)));
}

/** `line:column` of a field of an item. */
export function placeIn(item: RowItem | undefined, field: string | undefined): string {
  if (item?.kind !== "row") return "no row";
  const { line, column } = item.placeOf(field);
  return `${line}:${column}`;
}
