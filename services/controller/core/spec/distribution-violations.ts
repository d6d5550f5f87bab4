import type { Distribution } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

const kinds = ["", "normal", "lognormal", "uniform", "multimodal", "empirical"];

/** @param range that every value which the spec names must be within, both bounds included */
export function checkDistribution(
  given: Distribution | undefined,
  range: readonly [least: number, most: number],
  at: string,
  demand: Demand,
): void {
  if (given === undefined) return;
  const { kind, min, max } = given;
  demand(kinds.includes(kind), `${at}.kind`, `must be ${kinds.slice(1).join(", ")}, got ${kind}`);
  const inRange = (value: number | undefined, field: string): void => {
    const isWithin = value === undefined || (value >= range[0] && value <= range[1]);
    demand(isWithin, `${at}.${field}`, `must be from ${range[0]} to ${range[1]}, got ${value}`);
  };
  inRange(min, "min");
  inRange(max, "max");
  demand(min === undefined || max === undefined || min <= max, `${at}.max`, `must be at least the min of ${min}, got ${max}`);
  switch (kind) {
    case "lognormal": {
      inRange(given.mean, "mean");
      const { mean, median } = given;
      demand(median > 0 && median <= mean, `${at}.median`, `must be above 0 and at most the mean of ${mean}, got ${median}`);
      return;
    }
    case "uniform":
      demand(min !== undefined, `${at}.min`, "is needed by a uniform distribution");
      demand(max !== undefined, `${at}.max`, "is needed by a uniform distribution");
      return;
    case "multimodal":
      demand(given.peaks.length > 0, `${at}.peaks`, "are needed by a multimodal distribution");
      given.peaks.forEach(({ mean, stddev, weight }, index) => {
        inRange(mean, `peaks[${index}].mean`);
        checkSpread(stddev, `${at}.peaks[${index}].stddev`, demand);
        checkWeight(weight, `${at}.peaks[${index}].weight`, demand);
      });
      return;
    case "empirical":
      demand(given.points.length > 0, `${at}.points`, "are needed by an empirical distribution");
      given.points.forEach(({ value, weight }, index) => {
        inRange(value, `points[${index}].value`);
        checkWeight(weight, `${at}.points[${index}].weight`, demand);
      });
      return;
    default:
      inRange(given.mean, "mean");
      checkSpread(given.stddev, `${at}.stddev`, demand);
  }
}

function checkSpread(stddev: number, at: string, demand: Demand): void {
  demand(stddev >= 0 && Number.isFinite(stddev), at, `must be at least 0, got ${stddev}`);
}

function checkWeight(weight: number, at: string, demand: Demand): void {
  demand(weight > 0 && Number.isFinite(weight), at, `must be above 0, got ${weight}`);
}
