/** When too large a share of a phase's requests has failed for the phase to go on. Pure. */

export interface FailureLimit {
  /** Index of the phase. */
  readonly phase: number;
  /** Largest share that may fail, 0 to 1. */
  readonly share: number;
  /** So many requests have to be there before anything is judged. */
  readonly leastCount: number;
}

/** Requests of a phase that have ended; those that were given up by us are in neither. */
export interface EndedRequests {
  readonly succeeded: number;
  readonly errored: number;
}

export interface FailureExcess {
  readonly phase: number;
  readonly failed: number;
  readonly ended: number;
  /** That was allowed. */
  readonly share: number;
}

export class FailureWatch {
  /** Those that have not been exceeded. */
  #limits: readonly FailureLimit[];

  constructor(limits: readonly FailureLimit[]) {
    this.#limits = limits;
  }

  /** Phases beyond their limit now that were not at an earlier look. */
  look(endedOf: (phase: number) => EndedRequests): FailureExcess[] {
    if (this.#limits.length === 0) return [];
    const found: FailureExcess[] = [];
    for (const { phase, share, leastCount } of this.#limits) {
      const { succeeded, errored } = endedOf(phase);
      const ended = succeeded + errored;
      if (ended >= leastCount && errored > share * ended) found.push({ phase, failed: errored, ended, share });
    }
    if (found.length > 0) this.#limits = this.#limits.filter((limit) => found.every(({ phase }) => phase !== limit.phase));
    return found;
  }
}
