/** Fields of AIPerf's file by rules: where each goes in a RunSpec, or why it does not. Pure. */
import { didYouMean } from "../../../../services/common/nearest.ts";
import type { Given, GivenEntry, GivenObject } from "./given.ts";

/** What becomes of a field. */
export type Rule =
  /** A path in the RunSpec, from `target` on; the value goes there as it is. */
  string | ((entry: GivenEntry, path: string) => void) | NotHere;

/** A field that no run of Assay has. */
export interface NotHere {
  /** What there is in its place. */
  readonly instead: string;
  /** Values that ask for what happens anyway; absent: none. `anything` that is given does. */
  readonly asItIs?: readonly (string | number | boolean)[] | "anything";
}

export type Rules = Readonly<Record<string, Rule>>;

/** A RunSpec on its way, and what is wrong with the file. */
export interface Translation {
  readonly spec: GivenObject;
  report(at: number, path: string, problem: string): void;
}

/** Reads an object; `into`: where paths of its rules begin. */
export function readSection(given: Given, path: string, rules: Rules, { spec: into, report }: Translation): void {
  if (given.is !== "object") {
    report(given.at, path, "expected an object");
    return;
  }
  for (const [key, entry] of given.entries) {
    const name = snake(key);
    const rule = own(rules, name);
    const below = path === "" ? key : `${path}.${key}`;
    if (rule === undefined) report(entry.keyAt, below, `unknown field of AIPerf's${didYouMean(name, Object.keys(rules))}`);
    else if (isNothing(entry.given)) continue;
    else if (typeof rule === "string") put(into, rule, entry);
    else if (typeof rule === "function") rule(entry, below);
    else if (!isAsItIs(rule, entry.given)) {
      report(entry.keyAt, below, notHere(rule.instead));
    }
  }
}

/** What a table has of this name itself: files name things as they like. */
export function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** What is said of a field that is refused. */
function notHere(instead: string): string {
  return `a field of AIPerf's that assay does not have: ${instead}`;
}

/** AIPerf reads `sliceDuration` and `slice_duration`. */
export function snake(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Puts a value at a path of the spec, `target.tls.ca_pem`; what is at it already is taken the place of. */
export function put(spec: GivenObject, path: string, { keyAt, given }: GivenEntry): void {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) {
    spec.entries.set(name, { keyAt, given });
    return;
  }
  const before = spec.entries.get(name)?.given;
  const inner: GivenObject = before?.is === "object" ? before : objectAt(keyAt);
  if (inner !== before) spec.entries.set(name, { keyAt, given: inner });
  put(inner, rest.join("."), { keyAt, given });
}

export function objectAt(at: number): GivenObject {
  return { is: "object", at, entries: new Map() };
}

/** A value of one's own at the place of another. */
export function valueAt({ keyAt }: GivenEntry, value: string | number | boolean): GivenEntry {
  return { keyAt, given: { is: "scalar", at: keyAt, value } };
}

/** The number of a scalar; undefined: it is none. */
export function numberIn(given: Given): number | undefined {
  if (given.is !== "scalar" || (typeof given.value !== "number" && typeof given.value !== "bigint")) return undefined;
  return Number(given.value);
}

export function textIn(given: Given): string | undefined {
  return given.is === "scalar" && typeof given.value === "string" ? given.value : undefined;
}

export function isTrue(given: Given): boolean {
  return given.is === "scalar" && given.value === true;
}

export function isFalse(given: Given): boolean {
  return given.is === "scalar" && given.value === false;
}

/** Seconds: a number, or `30s`, `5m`, `2h`, `inf`. Another text stays, and is complained about where it goes. */
export function seconds(entry: GivenEntry): GivenEntry {
  const text = textIn(entry.given)?.trim() ?? "";
  if (/^inf(inity)?$/i.test(text)) return valueAt(entry, Number.POSITIVE_INFINITY);
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|hr|hour)?$/i.exec(text) ?? [];
  if (amount === undefined) return entry;
  const factor = { s: 1, m: 60, h: 3600 }[unit.toLowerCase().charAt(0)] ?? 1;
  return { keyAt: entry.keyAt, given: { is: "scalar", at: entry.given.at, value: Number(amount) * factor } };
}

function isNothing(given: Given): boolean {
  return given.is === "scalar" && given.value === null;
}

function isAsItIs({ asItIs = [] }: NotHere, given: Given): boolean {
  if (asItIs === "anything") return true;
  if (given.is === "list")
    return given.items.length === 0 || given.items.every((item) => isAsItIs({ instead: "", asItIs }, item));
  if (given.is === "object") return given.entries.size === 0;
  const { value } = given;
  return asItIs.some((same) => same === (typeof value === "bigint" ? Number(value) : value));
}
