/** A table of text with a frame, fitted to a width. Pure. */
import { inert, widthOf, wrap } from "./text.ts";

export interface Column {
  readonly header: string;
  readonly align: "left" | "right";
  /** Narrower than this the column does not become; absent: it is never broken. */
  readonly minWidth?: number;
  /** Columns with a rank may go when the table is too wide, lowest first: the first at once, more when breaking does not help. */
  readonly dropRank?: number;
}

export interface Table {
  /** Centred above. */
  readonly title: string;
  readonly columns: readonly Column[];
  /** One text a column; a line feed begins a new line in the cell. */
  readonly rows: readonly (readonly string[])[];
}

/** How parts of the table look; each adds escapes and no columns. */
export interface TableStyle {
  title(text: string): string;
  header(text: string): string;
  /** A cell's text on one line; `column` by index of the given table. */
  cell(text: string, column: number): string;
}

/**
 * Lines of the table, none wider than `width`, as far as dropping and breaking allow. Texts of any table may come from elsewhere: none steers
 * the terminal.
 */
export function tableLines(given: Table, width: number, style: TableStyle): string[] {
  const table = { ...given, title: inert(given.title), rows: given.rows.map((row) => row.map(inert)) };
  const { kept, widths } = fitted(table, width);
  const rule = (left: string, fill: string, cross: string, right: string): string =>
    left + widths.map((columnWidth) => fill.repeat(columnWidth + 2)).join(cross) + right;
  const line = (cells: readonly string[], bar: string): string => `${bar} ${cells.join(` ${bar} `)} ${bar}`;
  const cellsOf = (texts: readonly string[]): string[][] => {
    const broken = kept.map((column, place) => brokenCell(texts[column] ?? "", widths[place] ?? 0));
    const height = Math.max(...broken.map((lines) => lines.length));
    return Array.from({ length: height }, (_, row) => broken.map((lines) => lines[row] ?? ""));
  };
  const padded = (text: string, place: number, paint: (text: string) => string): string => {
    const space = " ".repeat(Math.max(0, (widths[place] ?? 0) - widthOf(text)));
    const isRight = table.columns[kept[place] ?? 0]?.align === "right";
    return isRight ? space + paint(text) : paint(text) + space;
  };
  const top = rule("┏", "━", "┳", "┓");
  const headers = cellsOf(table.columns.map((column) => column.header));
  return [
    centred(table.title, top.length, style.title),
    top,
    ...headers.map((cells) =>
      line(
        cells.map((text, place) => padded(text, place, style.header)),
        "┃",
      ),
    ),
    rule("┡", "━", "╇", "┩"),
    ...table.rows.flatMap(cellsOf).map((cells) =>
      line(
        cells.map((text, place) => padded(text, place, (plain) => style.cell(plain, kept[place] ?? 0))),
        "│",
      ),
    ),
    rule("└", "─", "┴", "┘"),
  ];
}

function brokenCell(text: string, width: number): string[] {
  return text.split("\n").flatMap((part) => (widthOf(part) <= width ? [part] : wrap(part, width)));
}

function centred(text: string, width: number, paint: (text: string) => string): string {
  return " ".repeat(Math.max(0, Math.floor((width - widthOf(text)) / 2))) + paint(text);
}

/** Which columns stay, and how wide each is. */
function fitted({ columns, rows }: Table, width: number): { kept: number[]; widths: number[] } {
  const natural = columns.map((column, index) =>
    Math.max(...[column.header, ...rows.map((row) => row[index] ?? "")].flatMap((text) => text.split("\n")).map(widthOf)),
  );
  const least = columns.map((column, index) => Math.min(natural[index] ?? 0, column.minWidth ?? Number.POSITIVE_INFINITY));
  const frame = (kept: readonly number[]): number => 3 * kept.length + 1;
  const sum = (kept: readonly number[], of: readonly number[]): number =>
    kept.reduce((total, index) => total + (of[index] ?? 0), 0);
  const all = columns.map((_, index) => index);
  const toDrop = all
    .filter((index) => columns[index]?.dropRank !== undefined)
    .sort((a, b) => (columns[a]?.dropRank ?? 0) - (columns[b]?.dropRank ?? 0));
  let kept = all;
  let needed: readonly number[] = natural;
  while (sum(kept, needed) + frame(kept) > width && toDrop.length > 0) {
    const dropped = toDrop.shift();
    kept = kept.filter((index) => index !== dropped);
    needed = least;
  }
  let excess = sum(kept, natural) + frame(kept) - width;
  const widths = kept.map((index) => {
    const given = Math.max(0, Math.min(excess, (natural[index] ?? 0) - (least[index] ?? 0)));
    excess -= given;
    return (natural[index] ?? 0) - given;
  });
  return { kept, widths };
}
