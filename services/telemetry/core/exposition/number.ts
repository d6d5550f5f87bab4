/** Numbers of metrics pages: what Go's ParseFloat takes, digit separators aside. */

const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);
const otherNumber = /[-+]?(?:0x[\da-f]*\.?[\da-f]*p[-+]?\d+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)(?=[ \t\n]|$)/iy;

/** The place behind the number that begins at `at`; `at` itself: none does. A number ends before a blank, a line feed or the end. */
export function endOfNumber(text: string, at: number): number {
  // Digits with or without a fraction, the usual case.
  let end = at;
  while (isPlain(text.charCodeAt(end))) end++;
  if (end > at) {
    if (text.charCodeAt(end) === 46) end++;
    while (isPlain(text.charCodeAt(end))) end++;
    const next = text.charCodeAt(end);
    if (next === 10 || next === 32) return end;
  }
  otherNumber.lastIndex = at;
  return otherNumber.test(text) ? otherNumber.lastIndex : at;
}

/** The number between two places that `endOfNumber` has found. */
export function numberAt(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start);
  const isNegative = first === 45;
  let at = isNegative || first === 43 ? start + 1 : start;
  let mantissa = 0;
  let digits = 0;
  let point = -1;
  // Up to 15 digits fit a double as an integer, and their quotient by a power of ten up to 22 is rounded correctly (Clinger 1990).
  for (; at < end && digits <= 15; at++) {
    const code = text.charCodeAt(at);
    if (isPlain(code)) {
      mantissa = mantissa * 10 + (code - 48);
      digits++;
    } else if (code === 46 && point === -1) {
      point = digits;
    } else {
      return otherNumberOf(text.slice(start, end));
    }
  }
  if (digits > 15) return otherNumberOf(text.slice(start, end));
  const magnitude = point === -1 ? mantissa : mantissa / (powersOfTen[digits - point] ?? 1);
  return isNegative ? -magnitude : magnitude;
}

function otherNumberOf(token: string): number {
  const sign = token.startsWith("-") ? -1 : 1;
  const magnitude = token.replace(/^[-+]/, "").toLowerCase();
  if (magnitude.startsWith("inf")) return sign * Number.POSITIVE_INFINITY;
  return sign * (magnitude.startsWith("0x") ? hexFloat(magnitude.slice(2)) : Number(magnitude));
}

function hexFloat(text: string): number {
  const [mantissa = "", exponent = ""] = text.split("p");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
}

function isPlain(code: number): boolean {
  return code >= 48 && code <= 57;
}
