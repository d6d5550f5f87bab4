/**
 * JSON as AIPerf's files have it. A float stays one (`16.0`), for readers that tell it from an integer; what is not finite is null;
 * what is undefined is left out; integers of any size are written whole. Pure.
 */

/** A number that a reader may take for a float only. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** A map is an object whose keys keep their order: those of an object that look like integers come before all others, ascending. */
export type Json =
  | null
  | boolean
  | string
  | number
  | bigint
  | Float
  | readonly Json[]
  | JsonObject
  | ReadonlyMap<string, Json | undefined>;

/**
 * @param indent spaces a level; 0: on one line, without spaces
 * @param depth levels that surround the value, whose first line is not indented
 */
export function jsonText(value: Json, indent = 0, depth = 0): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (value instanceof Float) return floatText(value.value);
  const below = (inner: Json): string => jsonText(inner, indent, depth + 1);
  if (isArray(value)) return enclosed("[", value.map(below), "]", indent, depth);
  const colon = indent === 0 ? ":" : ": ";
  const entries: [string, Json | undefined][] = value instanceof Map ? [...value] : Object.entries(value);
  const members = entries.flatMap(([key, inner]) =>
    inner === undefined ? [] : [`${JSON.stringify(key)}${colon}${below(inner)}`],
  );
  return enclosed("{", members, "}", indent, depth);
}

/** `16.0`, `0.1`, `1e-7`; `null` where it is not finite. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return "null";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-5 || size >= 1e16)) return value.toExponential();
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function enclosed(open: string, parts: readonly string[], close: string, indent: number, depth: number): string {
  if (parts.length === 0) return open + close;
  if (indent === 0) return open + parts.join(",") + close;
  const line = (level: number): string => `\n${" ".repeat(indent * level)}`;
  return open + line(depth + 1) + parts.join(`,${line(depth + 1)}`) + line(depth) + close;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
