import type { HrTime } from "@opentelemetry/api";
import type { WallNs } from "../../clock.ts";

/** Seconds and nanoseconds since the Unix epoch. */
export function hrTimeOf(wallNs: WallNs): HrTime {
  const seconds = Math.floor(wallNs / 1e9);
  return [seconds, Math.round(wallNs - seconds * 1e9)];
}
