import { AssayError } from "../../common/errors.ts";
import { IdRanges } from "../../common/id-ranges.ts";

/** What timing says of a phase when every credit has come back or is lost. What is in none of the last three was sent. */
export interface PhaseAccount {
  readonly phase: number;
  readonly drawn: IdRanges;
  readonly unused: IdRanges;
  readonly dropped: IdRanges;
  readonly lost: IdRanges;
  /** Turns of sessions that ended early, never drawn. Default 0. */
  readonly abandoned?: number;
  /** Requests that waited for a place under a ceiling, among those sent. Default 0. */
  readonly queued?: number;
}

/** What timing's last heartbeat said of a phase, for the account of a run whose timing process died. */
export interface PhaseHeartbeat {
  readonly phase: number;
  /** Lowest and highest id drawn; 0 and 0 when none was. */
  readonly lowestId: number;
  readonly highestId: number;
  readonly unused: number;
  readonly dropped: number;
  readonly lost: number;
}

/** The classes of a phase's ids. With `isIncomplete` false they are a partition of the drawn ids. */
export interface ClosedPhase {
  readonly phase: number;
  readonly drawn: number;
  /** A row, and sent or lost. */
  readonly recorded: number;
  readonly unused: number;
  readonly dropped: number;
  /** Sent, and no row came in time. */
  readonly missingRecord: IdRanges;
  /** Lost with its worker, and no row came. */
  readonly missingLost: IdRanges;
  /** A row for an id that was unused, dropped or never drawn: out of all statistics; the run is invalid. */
  readonly conflicts: IdRanges;
  /** True when timing's account never came: closed from the rows and timing's last heartbeat. */
  readonly isIncomplete: boolean;
  /** Only when incomplete: ids with neither a row nor a known end. No equality is claimed then. */
  readonly unaccounted: number;
  /** As timing's account has them; absent: 0. */
  readonly abandoned?: number;
  readonly queued?: number;
}

/**
 * A phase from its closings by shards, each over the ids of its own; undefined: one of them is missing, or was closed without timing's account, so that
 * nothing adds up before all rows are together.
 */
export function wholeClosing(parts: readonly (ClosedPhase | undefined)[]): ClosedPhase | undefined {
  const [first, ...others] = parts;
  if (first === undefined || first.isIncomplete) return undefined;
  let whole = first;
  for (const part of others) {
    if (part === undefined || part.isIncomplete) return undefined;
    whole = {
      ...whole,
      drawn: whole.drawn + part.drawn,
      recorded: whole.recorded + part.recorded,
      unused: whole.unused + part.unused,
      dropped: whole.dropped + part.dropped,
      missingRecord: whole.missingRecord.union(part.missingRecord),
      missingLost: whole.missingLost.union(part.missingLost),
      conflicts: whole.conflicts.union(part.conflicts),
    };
  }
  return whole;
}

export interface RecordKey {
  readonly phase: number;
  readonly creditId: number;
}

/**
 * The rows. Every call acts inside the transaction that is open; whoever implements it commits when it likes, and all together:
 * what was written since the last commit is either all there after a crash or not at all.
 */
export interface AccountStore<Row extends RecordKey> {
  /** Primary key is the credit id; returns false, changing nothing, when it has a row. First wins. */
  insert(row: Row): boolean;
  has(creditId: number): boolean;
  /** Keeps a row that came after its phase was closed, apart from the others; once per credit. */
  insertLate(row: Row): void;
  /** Marks a row as one that no statistic may count. */
  markConflict(creditId: number): void;
  writeClosed(closed: ClosedPhase): void;
  /** Read once, at start: all rows' keys, and all closed phases. */
  keys(): Iterable<RecordKey>;
  closedPhases(): Iterable<ClosedPhase>;
}

export interface AccountsOptions {
  /** How long rows of sent ids are waited for, from the account on. */
  readonly recordsDeadlineNs: number;
  /** The same for lost ids; mostly nobody will send them. */
  readonly lostDeadlineNs: number;
}

export const ACCOUNTS_OPTIONS: AccountsOptions = { recordsDeadlineNs: 30e9, lostDeadlineNs: 2e9 };

export interface AccountsOut {
  /** A phase was closed and that is committed. Also the answer to a repeated account. */
  readonly publish: (closed: ClosedPhase) => void;
  /** Something is waiting for the commit that nothing else will trigger. */
  readonly commitSoon: () => void;
}

interface OpenAccount {
  readonly account: PhaseAccount;
  readonly sent: IdRanges;
  readonly recordsDeadlineNs: number;
  readonly lostDeadlineNs: number;
  sentWithoutRow: number;
  lostWithoutRow: number;
}

/**
 * Reconciles what timing issued with what is committed, by credit id. A phase is closed once, in the same transaction as the rows
 * that it counts, and its result goes out only after that commit; so a crash leaves either everything or nothing of it.
 */
export class Accounts<Row extends RecordKey> {
  readonly #options: AccountsOptions;
  readonly #store: AccountStore<Row>;
  readonly #out: AccountsOut;
  readonly #rows = new Map<number, IdRanges>();
  readonly #open = new Map<number, OpenAccount>();
  readonly #closed = new Map<number, ClosedPhase>();
  readonly #uncommitted = new Set<number>();

  constructor(options: AccountsOptions, store: AccountStore<Row>, out: AccountsOut) {
    this.#options = options;
    this.#store = store;
    this.#out = out;
    for (const { phase, creditId } of store.keys()) this.#rowsOf(phase).add(creditId);
    for (const closed of store.closedPhases()) this.#closed.set(closed.phase, closed);
  }

  /** A record came. `inserted` alone counts in live statistics, and only once its transaction is committed. */
  arrived(row: Row, now: number): "inserted" | "duplicate" | "late" {
    if (this.#closed.has(row.phase)) {
      if (this.#store.has(row.creditId)) return "duplicate";
      this.#store.insertLate(row);
      return "late";
    }
    if (!this.#store.insert(row)) return "duplicate";
    this.#rowsOf(row.phase).add(row.creditId);
    const open = this.#open.get(row.phase);
    if (open === undefined) return "inserted";
    if (open.sent.has(row.creditId)) open.sentWithoutRow--;
    else if (open.account.lost.has(row.creditId)) open.lostWithoutRow--;
    this.#closeIfDone(open, now);
    return "inserted";
  }

  /** Timing's account, once or again. Answered through `publish`, as soon as the phase is closed and committed. */
  accountReceived(account: PhaseAccount, now: number): void {
    const closed = this.#closed.get(account.phase);
    if (closed !== undefined) {
      if (!this.#uncommitted.has(account.phase)) this.#out.publish(closed);
      return;
    }
    if (this.#open.has(account.phase)) return;
    const rows = this.#rowsOf(account.phase);
    const sent = account.drawn.subtract(account.unused).subtract(account.dropped).subtract(account.lost);
    const open: OpenAccount = {
      account,
      sent,
      recordsDeadlineNs: now + this.#options.recordsDeadlineNs,
      lostDeadlineNs: now + this.#options.lostDeadlineNs,
      sentWithoutRow: sent.subtract(rows).count,
      lostWithoutRow: account.lost.subtract(rows).count,
    };
    this.#open.set(account.phase, open);
    this.#closeIfDone(open, now);
  }

  /**
   * Timing is dead and its account will not come: closes the phase from the rows and what its last heartbeat said. Without
   * effect on a phase that is closed or whose account is being worked on. `own`: those of its ids whose rows are here; default: all.
   */
  closeFromRows(heartbeat: PhaseHeartbeat, own = (ids: IdRanges): IdRanges => ids): void {
    const { phase, unused, dropped } = heartbeat;
    if (this.#closed.has(phase) || this.#open.has(phase)) return;
    const rows = this.#rowsOf(phase);
    const told = IdRanges.ofRanges(heartbeat.highestId > 0 ? [{ first: heartbeat.lowestId, last: heartbeat.highestId }] : []);
    const drawn = rows.union(own(told));
    const known = rows.count + unused + dropped + heartbeat.lost;
    this.#close({
      phase,
      drawn: drawn.count,
      recorded: rows.count,
      unused,
      dropped,
      missingRecord: new IdRanges(),
      missingLost: new IdRanges(),
      conflicts: new IdRanges(),
      isIncomplete: true,
      unaccounted: Math.max(0, drawn.count - known),
    });
  }

  /** Everything written so far is committed. */
  committed(): void {
    const phases = [...this.#uncommitted];
    this.#uncommitted.clear();
    for (const phase of phases) this.#out.publish(this.#closed.get(phase) as ClosedPhase);
  }

  advance(now: number): void {
    for (const open of [...this.#open.values()]) this.#closeIfDone(open, now);
  }

  /** When `advance` may close something; Infinity when no account is open. */
  nextWakeNs(): number {
    let wakeNs = Number.POSITIVE_INFINITY;
    for (const open of this.#open.values()) {
      wakeNs = Math.min(wakeNs, open.sentWithoutRow === 0 ? open.lostDeadlineNs : open.recordsDeadlineNs);
    }
    return wakeNs;
  }

  #closeIfDone(open: OpenAccount, now: number): void {
    const isDone =
      (open.sentWithoutRow === 0 && (open.lostWithoutRow === 0 || now >= open.lostDeadlineNs)) || now >= open.recordsDeadlineNs;
    if (!isDone) return;
    const { phase, drawn, unused, dropped, lost, abandoned = 0, queued = 0 } = open.account;
    const rows = this.#rowsOf(phase);
    const countable = open.sent.union(lost);
    const closed: ClosedPhase = {
      phase,
      drawn: drawn.count,
      recorded: rows.intersect(countable).count,
      unused: unused.count,
      dropped: dropped.count,
      missingRecord: open.sent.subtract(rows),
      missingLost: lost.subtract(rows),
      conflicts: rows.subtract(countable),
      isIncomplete: false,
      unaccounted: 0,
      ...(abandoned === 0 ? {} : { abandoned }),
      ...(queued === 0 ? {} : { queued }),
    };
    this.#open.delete(phase);
    this.#close(closed);
  }

  #close(closed: ClosedPhase): void {
    checkSum(closed);
    for (const creditId of closed.conflicts) this.#store.markConflict(creditId);
    this.#store.writeClosed(closed);
    this.#closed.set(closed.phase, closed);
    this.#uncommitted.add(closed.phase);
    this.#out.commitSoon();
  }

  #rowsOf(phase: number): IdRanges {
    let rows = this.#rows.get(phase);
    if (rows === undefined) {
      rows = new IdRanges();
      this.#rows.set(phase, rows);
    }
    return rows;
  }
}

/** The classes must add up to the drawn ids. Throws `internal` otherwise: timing's account is not a partition. */
function checkSum(closed: ClosedPhase): void {
  if (closed.isIncomplete) return;
  const { phase, drawn, recorded, unused, dropped, missingRecord, missingLost } = closed;
  const sum = recorded + unused + dropped + missingRecord.count + missingLost.count;
  if (sum === drawn) return;
  throw new AssayError("internal", `phase ${phase}: the classes add up to ${sum}, but ${drawn} ids were drawn`);
}
