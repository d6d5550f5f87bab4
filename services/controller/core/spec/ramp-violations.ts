import type { PhaseSpec, RampSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

const quantities = ["concurrency", "prefill_concurrency", "rate"];
const maxSteps = 10_000;
const shapes = ["linear", "exponential", "step"];

/** Ramps of a phase that has its defaults. */
export function checkRamps(phase: PhaseSpec, at: string, demand: Demand): void {
  const seen = new Set<string>();
  phase.ramps.forEach((ramp, index) => {
    const field = `${at}.ramps[${index}]`;
    const { quantity, from = 0, durationSec, shape, steps } = ramp;
    demand(
      quantities.includes(quantity),
      `${field}.quantity`,
      `must be ${quantities.join(" or ")}, got ${JSON.stringify(quantity)}`,
    );
    demand(!seen.has(quantity), `${field}.quantity`, `must be another one: ${quantity} has a ramp already`);
    seen.add(quantity);
    checkTarget(phase, ramp, field, demand);
    const isRate = quantity === "rate";
    const least = isRate ? 0 : 1;
    demand(from >= least && Number.isFinite(from), `${field}.from`, `must be at least ${least}, got ${from}`);
    demand(shape !== "exponential" || from > 0, `${field}.from`, `must be above 0 for an exponential ramp, got ${from}`);
    const isWhole = isRate || Number.isInteger(from);
    demand(isWhole, `${field}.from`, `must be a whole number, got ${from}`);
    demand(durationSec > 0 && Number.isFinite(durationSec), `${field}.duration_sec`, `must be above 0, got ${durationSec}`);
    demand(shapes.includes(shape), `${field}.shape`, `must be ${shapes.join(" or ")}, got ${shape}`);
    const isStep = shape === "step";
    const isSteps = isStep ? steps >= 1 && steps <= maxSteps : steps === 0;
    demand(isSteps, `${field}.steps`, isStep ? `must be from 1 to ${maxSteps}, got ${steps}` : "needs the shape step");
  });
}

/** A ramp ends at a value of the phase: there must be one. */
function checkTarget({ load, prefillConcurrency }: PhaseSpec, { quantity }: RampSpec, field: string, demand: Demand): void {
  const rate = load.case === "rate" ? load.value : undefined;
  switch (quantity) {
    case "concurrency":
      demand(load.case === "concurrency" || rate?.concurrencyCeiling !== undefined, field, "a concurrency to ramp to is needed");
      return;
    case "prefill_concurrency":
      demand(prefillConcurrency !== undefined, field, "a prefill concurrency to ramp to is needed");
      return;
    case "rate":
      demand((rate?.ratePerSec ?? 0) > 0, field, "a rate to ramp to is needed, which is a number");
      return;
  }
}
