/** Text in a terminal: how wide it is, how it breaks, how numbers look. Pure. */

/** Combining marks and format characters take no column; East Asian wide characters and emoji take two. */
const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u;
const doubleWidth =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that a text takes. Expects no control characters: see `harmless`. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character >= " " && character <= "~") return 1;
  if (zeroWidth.test(character)) return 0;
  return doubleWidth.test(character) ? 2 : 1;
}

/** Marks that turn the direction of what follows: a line would read otherwise than it is. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** One line without control characters: text from elsewhere must not steer the terminal. */
export function harmless(text: string): string {
  return inert(text.replaceAll(/\s+/g, " ")).trim();
}

/** As `harmless`, but lines and spaces stay as they are. */
export function inert(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => (character === "\n" ? character : "\ufffd")).replaceAll(turning, "\ufffd");
}

/** What is left of control characters in a text for a terminal: lines, tabs, colours, and what redraws the line that is written. */
const steering = /\p{Cc}/gu;
const own = /^\[(?:[\d;]*m|2K)/;

/**
 * A whole text for a terminal, which may have colours and redraw its line: whatever else would steer a terminal is shown as U+FFFD. The
 * last word at the edge, behind `harmless` for what comes from elsewhere.
 */
export function steady(text: string): string {
  if (!/[\p{Cc}\u061c\u200e-\u202e\u2066-\u2069]/u.test(text)) return text;
  return text
    .replaceAll(steering, (character, at: number) =>
      isOwn(character, text.slice(at + 1, at + longestOwn)) ? character : "\ufffd",
    )
    .replaceAll(turning, "\ufffd");
}

const longestOwn = 24;

function isOwn(character: string, behind: string): boolean {
  return character === "\n" || character === "\r" || character === "\t" || (character === "\u001b" && own.test(behind));
}

/**
 * A cell of CSV that no spreadsheet takes for a formula: what begins like one, and is no number, has an apostrophe in front. For texts
 * from elsewhere.
 */
export function csvCell(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
}

/** Breaks at spaces, and inside of words that are longer than a line. No line is wider than `width` (at least 2). */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((long) => chunks(long, width))) {
    if (line === "") line = word;
    else if (widthOf(line) + 1 + widthOf(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

function chunks(word: string, width: number): string[] {
  const parts: string[] = [];
  let part = "";
  for (const character of word) {
    if (part !== "" && widthOf(part) + columnsOf(character) > width) {
      parts.push(part);
      part = "";
    }
    part += character;
  }
  return [...parts, part];
}

/** Cut to `width`, with an ellipsis in the last column where something is missing. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return `${chunks(text, Math.max(1, width - 1))[0] ?? ""}…`;
}

/** `1,234.56`, as AIPerf's tables; `N/A` where there is no number. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "N/A";
  const text = twoDecimals(value);
  return grouped(text === "-0.00" ? "0.00" : text);
}

/** `1,234`. */
export function whole(value: number | bigint): string {
  return grouped(typeof value === "number" ? value.toFixed(0) : String(value));
}

/**
 * `1234.56`: rounded to the nearest, and from the middle between two to the even digit, as Python rounds. `Intl.NumberFormat` rounds
 * the shortest digits instead of the number, and its first use in a process costs 20 ms, which a short run would wait for.
 */
export function twoDecimals(value: number): string {
  const size = Math.abs(value);
  // From there on doubles have no fractions, and `toFixed` soon turns to exponents.
  if (size >= 2 ** 53) return `${BigInt(value)}.00`;
  // Only odd eighths lie exactly in the middle between two hundredths.
  if (!Number.isInteger(size * 8) || (size * 8) % 2 === 0) return value.toFixed(2);
  const integer = Math.trunc(size);
  const below = Math.floor((size - integer) * 100);
  const hundredths = below % 2 === 0 ? below : below + 1;
  return `${value < 0 ? "-" : ""}${integer}.${String(hundredths).padStart(2, "0")}`;
}

/** Commas between thousands. */
function grouped(text: string): string {
  const [integer = "", fraction] = text.split(".");
  const withCommas = integer.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? withCommas : `${withCommas}.${fraction}`;
}
