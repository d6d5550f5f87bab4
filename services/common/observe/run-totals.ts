/** Counters of what lives as long as a run: they go on where the runs before have ended. */
export class RunTotals<Name extends string> {
  readonly #ended: Record<Name, number>;

  constructor(names: readonly Name[]) {
    this.#ended = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  }

  /** A run has ended with these. To be called once a run, when nothing is counted for it any more. */
  ended(counts: Readonly<Record<Name, number>>): void {
    addTo(this.#ended, counts);
  }

  /** Of the runs that have ended and of these. */
  with(running: Iterable<Readonly<Record<Name, number>>>): Record<Name, number> {
    const sums = { ...this.#ended };
    for (const counts of running) addTo(sums, counts);
    return sums;
  }
}

function addTo<Name extends string>(sums: Record<Name, number>, counts: Readonly<Record<Name, number>>): void {
  for (const name of Object.keys(sums) as Name[]) sums[name] += counts[name];
}
