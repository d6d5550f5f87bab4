/** Whether requests that were due at the same moment were sent at the same moment. */
import { isJsonObject, parseJson } from "../../../endpoints/json-body.ts";
import type { WorkloadNote } from "./notes.ts";

/** What one burst may take from its first send to its last. */
const MAX_SPREAD_NS = 1e6;
/** Due times nearer to each other than this are one moment: clocks of several hosts do not agree to the nanosecond. */
const SAME_MOMENT_NS = 1e5;

/** Whether the load of a phase is bursts, by the spec that the run's file keeps (proto JSON). */
export function hasBursts(spec: string, phase: number): boolean {
  const value = parseJson(spec);
  const given: unknown = isJsonObject(value) && Array.isArray(value.phases) ? value.phases[phase] : undefined;
  return isJsonObject(given) && isJsonObject(given.rate) && given.rate.bursts !== undefined;
}

/** The bursts of one phase, by the requests that were sent; those of any order may be added. */
export class Bursts {
  readonly #sends: { readonly dueNs: number; readonly sentNs: number }[] = [];

  add(dueNs: number, sentNs: number): void {
    this.#sends.push({ dueNs, sentNs });
  }

  /** Undefined when every burst was sent within 1 ms. */
  note(): WorkloadNote | undefined {
    const spreads = this.#spreads();
    const wide = spreads.filter((spreadNs) => spreadNs > MAX_SPREAD_NS);
    if (wide.length === 0) return undefined;
    const worst = (wide.reduce((most, spreadNs) => Math.max(most, spreadNs), 0) / 1e6).toFixed(2);
    const message = `${wide.length} of ${spreads.length} bursts took longer than 1 ms to be sent, the longest ${worst} ms`;
    return { code: "burst_spread", tag: undefined, message };
  }

  /** From the first to the last send of each burst, ns. */
  #spreads(): number[] {
    const spreads: number[] = [];
    let burst = { dueNs: Number.NEGATIVE_INFINITY, firstNs: 0, lastNs: 0 };
    for (const { dueNs, sentNs } of this.#sends.toSorted((a, b) => a.dueNs - b.dueNs)) {
      if (dueNs - burst.dueNs > SAME_MOMENT_NS) {
        if (Number.isFinite(burst.dueNs)) spreads.push(burst.lastNs - burst.firstNs);
        burst = { dueNs, firstNs: sentNs, lastNs: sentNs };
      } else {
        burst = { dueNs, firstNs: Math.min(burst.firstNs, sentNs), lastNs: Math.max(burst.lastNs, sentNs) };
      }
    }
    if (Number.isFinite(burst.dueNs)) spreads.push(burst.lastNs - burst.firstNs);
    return spreads;
  }
}
