import type { Points, Window } from "../../../../../services/records-manager/core/telemetry/points.ts";

/** Points from rows of second and value. */
export function pointsOf(...rows: readonly (readonly [sec: number, value: number])[]): Points {
  return { ns: Float64Array.from(rows, ([sec]) => sec * 1e9), values: Float64Array.from(rows, ([, value]) => value) };
}

/** A window in seconds. */
export function seconds(from: number, to: number): Window {
  return { startNs: from * 1e9, endNs: to * 1e9 };
}
