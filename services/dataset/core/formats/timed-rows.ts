/** Requests that were recorded with the moments at which they came: in their order, the first one at 0. Pure but for what it keeps. */
import type { Row, RowTurn } from "./row.ts";

export interface TimedRequest {
  readonly turn: RowTurn;
  /** Since 1970. */
  readonly atMs: number;
}

/** Each is a conversation by itself. Requests of the same moment stay in their order. */
export function timedRows(requests: readonly TimedRequest[]): Row[] {
  const sorted = requests.toSorted((one, other) => one.atMs - other.atMs);
  const startMs = sorted[0]?.atMs ?? 0;
  return sorted.map(({ turn, atMs }) => ({
    sessionId: undefined,
    turns: [{ ...turn, timestampMs: atMs - startMs }],
    unknownFields: [],
  }));
}

/** A moment in ISO 8601, to the fraction that it has, in ms; undefined: it is none. */
export function isoMs(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const [, seconds, fraction = "", zone] = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  const ms = Date.parse(`${seconds.replace(" ", "T")}${zone ?? "Z"}`);
  return Number.isNaN(ms) ? undefined : ms + Number(`0${fraction}`) * 1000;
}
