import type { Points, Window } from "../../../../../services/records-manager/core/telemetry/points.ts";

/** Points from rows of second and value, `absent` where a scrape was without one. */
export function pointsOf(...rows: readonly (readonly [sec: number, value: number | "absent"])[]): Points {
  const present = rows.filter((row): row is readonly [number, number] => row[1] !== "absent");
  const absent = rows.filter(([, value], at) => value === "absent" && rows[at - 1]?.[1] !== "absent");
  return {
    ns: Float64Array.from(present, ([sec]) => sec * 1e9),
    values: Float64Array.from(present, ([, value]) => value),
    absentNs: Float64Array.from(absent, ([sec]) => sec * 1e9),
  };
}

/** A window in seconds. */
export function seconds(from: number, to: number): Window {
  return { startNs: from * 1e9, endNs: to * 1e9 };
}
