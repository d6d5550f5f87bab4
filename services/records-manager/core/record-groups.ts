/** Requests told apart by phase and by the values that they share, from rows one at a time. Pure. */
import type { FilterKind } from "./filter-fields.ts";

/** Undefined: the request has no such value, as filters have it. */
export type KeyValue = number | string | boolean | undefined;

export interface GroupTally {
  readonly phase: number;
  readonly keys: readonly KeyValue[];
  succeeded: number;
  errored: number;
  cancelled: number;
  /** Succeeded requests whose answers were checked, by what came of it. */
  correct: number;
  incorrect: number;
}

type Branch = Map<KeyValue, Branch | number>;

/** The first `most` groups that are met are kept. */
export class RecordGroups {
  readonly #kinds: readonly FilterKind[];
  readonly #most: number;
  readonly #root: Branch = new Map();
  /** In the order in which they were met. */
  readonly tallies: GroupTally[] = [];
  /** Requests of groups that are not kept. */
  leftOut = 0;

  /** @param kinds of the keys' fields, in order */
  constructor(kinds: readonly FilterKind[], most: number) {
    this.#kinds = kinds;
    this.#most = most;
  }

  /** Counts a request, and tells as `indexOf`; `values`, from `at` on, are its keys as `requests` has them. */
  count(
    phase: number,
    values: readonly unknown[],
    at: number,
    outcome: "succeeded" | "errored" | "cancelled",
  ): number | undefined {
    const index = this.indexOf(phase, values, at) ?? this.#begin(phase, values, at);
    const tally = index === undefined ? undefined : this.tallies[index];
    if (tally === undefined) this.leftOut++;
    else tally[outcome]++;
    return index;
  }

  /** Counts what came of the check of a succeeded request's answer; null: it was not checked. `index` as `count` has told it. */
  countCheck(index: number, isCorrect: boolean | null): void {
    const tally = this.tallies[index];
    if (tally === undefined || isCorrect === null) return;
    if (isCorrect) tally.correct++;
    else tally.incorrect++;
  }

  /** Index in `tallies`; undefined: its group is not kept, or was not counted. */
  indexOf(phase: number, values: readonly unknown[], at: number): number | undefined {
    let found = this.#root.get(phase);
    for (let key = 0; key < this.#kinds.length && typeof found === "object"; key++) found = found.get(this.#key(key, values, at));
    return typeof found === "number" ? found : undefined;
  }

  #begin(phase: number, values: readonly unknown[], at: number): number | undefined {
    const index = this.tallies.length;
    if (index >= this.#most) return undefined;
    const keys = this.#kinds.map((_, key) => this.#key(key, values, at));
    let branch = this.#root;
    const path: readonly KeyValue[] = [phase, ...keys];
    for (const value of path.slice(0, -1)) {
      const next = branch.get(value);
      const below: Branch = typeof next === "object" ? next : new Map();
      branch.set(value, below);
      branch = below;
    }
    branch.set(path.at(-1), index);
    this.tallies.push({ phase, keys, succeeded: 0, errored: 0, cancelled: 0, correct: 0, incorrect: 0 });
    return index;
  }

  #key(key: number, values: readonly unknown[], at: number): KeyValue {
    return keyOf(this.#kinds[key], values[at + key]);
  }
}

/** A value as `requests` has it; a text that is empty is none. */
function keyOf(kind: FilterKind | undefined, value: unknown): KeyValue {
  if (kind?.is === "flag" && typeof value === "number") return value === 1;
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" ? value : undefined;
}

/** By phase, then by key after key: numbers and texts ascending, those without a value last. */
export function compareGroups(one: GroupTally, other: GroupTally): number {
  if (one.phase !== other.phase) return one.phase - other.phase;
  for (const [index, key] of one.keys.entries()) {
    const order = compareKeys(key, other.keys[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareKeys(one: KeyValue, other: KeyValue): number {
  if (one === other) return 0;
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  return one < other ? -1 : 1;
}
