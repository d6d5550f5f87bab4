import { randomStream } from "../../common/random.ts";

export interface CancellationOptions {
  /** Of the phase's requests, above 0 to 1. */
  readonly share: number;
  /** From the moment that a request is written. */
  readonly delayNs: number;
  readonly seed: number;
  /** Index of the phase. */
  readonly phase: number;
}

/**
 * Which requests of a phase are given up on purpose: the time after which the request of a draw's index is, undefined for the others. The
 * index alone decides, so that the same seed gives up the same requests whoever sends them, and in which order they come back.
 */
export function cancellationOf({ share, delayNs, seed, phase }: CancellationOptions): (index: number) => number | undefined {
  return (index) => (randomStream(seed, "cancellation", phase, index).next() < share ? delayNs : undefined);
}
