/** Kinds of option values: how each is read from text, and what is expected of it. Pure. */
import { type DrawLimits, distributionForms, readDistribution } from "../answers/distribution.ts";
import { type FailureRates, failureNames, isFailureName } from "../answers/failures.ts";

export type OptionKind =
  | { readonly is: "switch" }
  | { readonly is: "text"; readonly mayBeNull?: true }
  /** A list; the flag may be repeated. */
  | { readonly is: "names" }
  | { readonly is: "choice"; readonly of: readonly string[] }
  | { readonly is: "integer" | "number"; readonly min: number; readonly max: number; readonly mayBeNull?: true }
  | ({ readonly is: "distribution" } & DrawLimits)
  /** Failures and their rates; the flag may be repeated. */
  | { readonly is: "rates" };

/** Milliseconds up to a day. */
export const nonNegativeMs: DrawLimits = { min: 0, max: 86_400_000, isInteger: false };

/** The value that a text stands for; a text that stands for none is given back, for `problemOf` to name. */
export function readValue(kind: OptionKind, text: string): unknown {
  switch (kind.is) {
    case "switch":
    case "text":
    case "choice":
      return text;
    case "names":
      return text.split(",").filter((name) => name !== "");
    case "integer":
    case "number":
    case "distribution":
      return numberOf(text) ?? text;
    case "rates":
      return readRates(text) ?? text;
  }
}

/** What a repeated flag's values make together; `undefined` if it is not to be repeated, or says one thing twice. */
export function joinValues(kind: OptionKind, before: unknown, value: unknown): unknown {
  if (kind.is === "names" && Array.isArray(before) && Array.isArray(value)) return [...before, ...value];
  if (kind.is !== "rates" || !isRates(before) || !isRates(value)) return undefined;
  return Object.keys(value).some((name) => Object.hasOwn(before, name)) ? undefined : { ...before, ...value };
}

/** What is wrong with a value, in one line with its flag; `undefined` if nothing is. */
export function problemOf(flag: string, kind: OptionKind, value: unknown): string | undefined {
  const expected = unmetExpectation(kind, value);
  return expected === undefined ? undefined : problemWith(flag, expected, value);
}

/** The line that says so. */
export function problemWith(flag: string, expected: string, value: unknown): string {
  return `${flag} must be ${expected}, got ${shown(value)}`;
}

/** A value as it would be written on a command line. */
export function shown(value: unknown): string {
  if (isRates(value))
    return Object.entries(value)
      .map((entry) => entry.join(":"))
      .join(",");
  const text = String(value);
  return text === "" ? '""' : text;
}

function unmetExpectation(kind: OptionKind, value: unknown): string | undefined {
  switch (kind.is) {
    case "switch":
      return typeof value === "boolean" ? undefined : "true or false";
    case "text":
      if (value === null && kind.mayBeNull) return undefined;
      return typeof value === "string" && value !== "" ? undefined : "a text";
    case "names":
      return Array.isArray(value) && value.every((name) => typeof name === "string" && name !== "")
        ? undefined
        : "a list of names";
    case "choice":
      return typeof value === "string" && kind.of.includes(value) ? undefined : `one of ${kind.of.join(", ")}`;
    case "integer":
    case "number": {
      if (value === null && kind.mayBeNull) return undefined;
      const isRight = typeof value === "number" && (kind.is === "integer" ? Number.isInteger(value) : Number.isFinite(value));
      const noun = kind.is === "integer" ? "an integer" : "a number";
      return isRight && value >= kind.min && value <= kind.max ? undefined : `${noun} from ${kind.min} to ${kind.max}`;
    }
    case "distribution": {
      const noun = kind.isInteger ? "an integer" : "a number";
      const forms = distributionForms.slice(1).map(({ form }) => form);
      return readDistribution(value, kind) === undefined
        ? `${noun} from ${kind.min} to ${kind.max} or a distribution of such (${forms.join("; ")})`
        : undefined;
    }
    case "rates":
      return unmetOfRates(value);
  }
}

function unmetOfRates(value: unknown): string | undefined {
  if (!isRates(value)) return "KIND:RATE, several with commas and each kind once";
  const entries = Object.entries(value);
  if (entries.some(([name]) => !isFailureName(name))) return `of the kinds ${failureNames.join(", ")}`;
  if (entries.some(([, rate]) => !(rate >= 0 && rate <= 1))) return "KIND:RATE with rates from 0 to 1";
  const sum = entries.reduce((total, [, rate]) => total + rate, 0);
  return sum > 1 + 1e-9 ? "KIND:RATE with rates that add up to 1 at most" : undefined;
}

function readRates(text: string): FailureRates | undefined {
  const rates: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [, name = "", rateText = ""] = /^([^:]+):(.+)$/s.exec(part.trim()) ?? [];
    const rate = numberOf(rateText);
    if (rate === undefined || Object.hasOwn(rates, name)) return undefined;
    rates[name] = rate;
  }
  return rates;
}

function isRates(value: unknown): value is FailureRates {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((rate) => typeof rate === "number");
}

// Number("") and Number(" ") are 0; neither is a number that somebody meant.
function numberOf(text: string): number | undefined {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isNaN(number) ? undefined : number;
}
