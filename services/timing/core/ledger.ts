import type { Credit, TargetMiss } from "../../common/credits.ts";
import { IdRanges } from "../../common/id-ranges.ts";
import type { TargetLoads } from "./targets.ts";

/** A credit before it has its id (0 until the ledger issues it). Belongs to nobody else: the ledger turns it into the credit. */
export type Draft = Omit<Credit, "id"> & { id: number };

/** How many credits of a phase are where. `issued` are out with workers; the other four are ends and final. */
export interface CreditCounts {
  readonly drawn: number;
  readonly issued: number;
  readonly sent: number;
  readonly unused: number;
  readonly dropped: number;
  readonly lost: number;
}

/** The credits of one phase by id: a partition of the drawn ids; what is in none of the last three is `sent`. */
export interface PhaseAccount {
  readonly phase: number;
  readonly drawn: IdRanges;
  readonly unused: IdRanges;
  readonly dropped: IdRanges;
  readonly lost: IdRanges;
}

/** Whoever holds issued credits: one worker incarnation. */
export interface Holder {
  readonly issued: Map<number, Credit>;
  /** How many of its credits ever came back, for whatever reason. */
  settledCount: number;
}

interface PhaseSets extends PhaseAccount {
  issuedCount: number;
  sentCount: number;
}

/**
 * Where every credit of a run is. Ids are drawn here and nowhere else, dense and ascending; only credits that are out with
 * a worker are kept one by one, so memory follows the requests in flight, not the length of the run.
 */
export class Ledger {
  readonly #phases = new Map<number, PhaseSets>();
  readonly #loads: TargetLoads | undefined;
  #nextId = 1;

  /** `loads` is told of every credit that goes out and that ends; undefined: nobody asks. */
  constructor(loads?: TargetLoads) {
    this.#loads = loads;
  }

  /** Draws an id for the draft and gives the credit to the holder. */
  issue(holder: Holder, draft: Draft): Credit {
    const sets = this.#sets(draft.phase);
    draft.id = this.#nextId++;
    sets.drawn.add(draft.id);
    sets.issuedCount++;
    holder.issued.set(draft.id, draft);
    this.#loads?.issued(draft.targetIndex);
    return draft;
  }

  /** Draws an id for something that was due and that nobody could send. */
  drop(phase: number): number {
    const sets = this.#sets(phase);
    const id = this.#nextId++;
    sets.drawn.add(id);
    sets.dropped.add(id);
    return id;
  }

  /** The holder gives a credit back. Undefined when the credit is not out with this holder: a bug of the worker, nothing changes. */
  settle(holder: Holder, id: number, use: "sent" | "unused", miss?: TargetMiss): Credit | undefined {
    const credit = holder.issued.get(id);
    if (credit === undefined) return undefined;
    holder.issued.delete(id);
    holder.settledCount++;
    this.#loads?.ended(credit.targetIndex, use === "unused" ? "untried" : miss);
    const sets = this.#sets(credit.phase);
    sets.issuedCount--;
    if (use === "sent") sets.sentCount++;
    else sets.unused.add(id);
    return credit;
  }

  /** The holder is gone: everything it has out is lost. Returns those credits. */
  lose(holder: Holder): readonly Credit[] {
    const lost = [...holder.issued.values()];
    holder.issued.clear();
    for (const credit of lost) {
      const sets = this.#sets(credit.phase);
      sets.issuedCount--;
      sets.lost.add(credit.id);
      this.#loads?.ended(credit.targetIndex, "untried");
    }
    return lost;
  }

  /** The holder's credits of a phase that are out have other due times from here on, as far as timing is concerned. */
  reschedule(holder: Holder, phase: number, move: (dueNs: number) => number): void {
    for (const [id, credit] of holder.issued) {
      if (credit.phase === phase) holder.issued.set(id, { ...credit, dueNs: move(credit.dueNs) });
    }
  }

  counts(phase: number): CreditCounts {
    const sets = this.#sets(phase);
    return {
      drawn: sets.drawn.count,
      issued: sets.issuedCount,
      sent: sets.sentCount,
      unused: sets.unused.count,
      dropped: sets.dropped.count,
      lost: sets.lost.count,
    };
  }

  /** How many credits of the phase are out with workers. */
  issuedCount(phase: number): number {
    return this.#sets(phase).issuedCount;
  }

  /** The highest id drawn for the phase, 0 when none was. */
  highestId(phase: number): number {
    return this.#sets(phase).drawn.highest ?? 0;
  }

  /** The phase's account; final once nothing is issued and nothing more is drawn. */
  account(phase: number): PhaseAccount {
    const { drawn, unused, dropped, lost } = this.#sets(phase);
    return { phase, drawn, unused, dropped, lost };
  }

  #sets(phase: number): PhaseSets {
    let sets = this.#phases.get(phase);
    if (sets === undefined) {
      sets = {
        phase,
        drawn: new IdRanges(),
        unused: new IdRanges(),
        dropped: new IdRanges(),
        lost: new IdRanges(),
        issuedCount: 0,
        sentCount: 0,
      };
      this.#phases.set(phase, sets);
    }
    return sets;
  }
}
