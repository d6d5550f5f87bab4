/** What may be expected of an answer. Pure. */

/**
 * - `exact`: the answer is the text, white space around both left out.
 * - `contains`: the answer has the text in it.
 * - `regex`: a regular expression of RE2 is found in the answer.
 * - `json-schema`: the answer is JSON that fits the schema.
 */
export const checkKinds = ["exact", "contains", "regex", "json-schema"] as const;

export type CheckKind = (typeof checkKinds)[number];

/** An answer is right that fits any of the values. */
export interface Expectation {
  readonly check: CheckKind;
  /** At least one: texts, regular expressions or JSON schemas as JSON text. */
  readonly values: readonly string[];
}

/** Of the values of one expectation together. */
export const maxExpectedChars = 65_536;

/** The kind of that name; undefined: there is none. */
export function checkKindNamed(name: unknown): CheckKind | undefined {
  return checkKinds.find((kind) => kind === name);
}

/** Whether what such a check expects has to be compiled (`compile.ts`). */
export function isCompiled(kind: CheckKind): boolean {
  return kind === "regex" || kind === "json-schema";
}

const mostShown = 3;
const mostShownChars = 100;

/** The values behind words for one or for several of them, as a reason names them, cut to what a line can hold. */
export function shownValues(values: readonly string[], one: string, several: string): string {
  const shown = values.slice(0, mostShown).map((value) => JSON.stringify(clipped(value)));
  return `${values.length === 1 ? one : several} ${shown.join(", ")}${values.length > mostShown ? ", …" : ""}`;
}

function clipped(value: string): string {
  return value.length > mostShownChars ? `${value.slice(0, mostShownChars - 1)}…` : value;
}
