/**
 * Connections between two requests, whatever speaks on them: which are free, which rest, which are too old, and how many there
 * have been. Taken last in, first out, so that as few as needed stay warm.
 */
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { BurstSlices } from "../burst-slices.ts";
import type { TargetOptions } from "./transport.ts";

/** What a connection must be to be kept. */
export interface Keepable {
  readonly target: number;
  /** False: for one request, which says so to the target. */
  readonly isPooled: boolean;
  /** Whose it is alone; undefined: anybody's. Set by its books. */
  session: string | undefined;
  /** It can carry a request, as far as is known. */
  readonly isUsable: boolean;
  /** Runs while it rests after an answer. */
  rest: NodeJS.Timeout | undefined;
  /** While it is free: until when it may be used again. Infinity before its first request. */
  freeUntilNs: MonotonicNs;
  /** Closes it, whatever it is doing. */
  close(): void;
}

/**
 * What is known of a target's kept connections. Some servers promise to keep one and close it with the end of the answer (llama.cpp's
 * after every streamed one); the close comes a moment after the last byte, when the next request would be on its way. So connections
 * rest after an answer until one has outlived its rest; a target that cuts a request later has to be seen again, for longer.
 */
interface KeepAlive {
  isProven: boolean;
  restMs: number;
}

/**
 * uvicorn, the front end of many inference servers, and Node close a connection 5 s after its last answer. A request that is on its
 * way at that moment is lost, so that connections are given up before.
 */
const defaultIdleMs = 4000;
/** Before the end of the time that the target has said. */
const keptMarginSec = 1;
const longestRestMs = 1280;
const openedAtOnce = 64;

export class KeptConnections<C extends Keepable> {
  /** Connections opened since the start. */
  opened = 0;
  /** Kept connections that the target closed before they were used again. */
  replaced = 0;
  private readonly free: C[][];
  /** By target and session. */
  private readonly owned: Map<string, C>[];
  private readonly idleNs: number[];
  private readonly keepAlive: KeepAlive[];
  private readonly all = new Set<C>();
  private readonly slices: BurstSlices;
  private closed = false;

  /** @param slices in which many are opened ahead, or closed after they were idle: the kernel may take milliseconds for each */
  constructor(targets: readonly TargetOptions[], slices = new BurstSlices({ atOnceNs: 0 })) {
    this.slices = slices;
    this.free = targets.map(() => []);
    this.owned = targets.map(() => new Map());
    this.idleNs = targets.map(({ idleMs = defaultIdleMs }) => 1e6 * idleMs);
    this.keepAlive = targets.map(({ restMs = 0 }) => ({ isProven: restMs === 0, restMs }));
  }

  /** No connection is kept or taken any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Those that are open, being opened, resting, free or in use. */
  get connections(): ReadonlySet<C> {
    return this.all;
  }

  /** Those that were opened ahead and have carried nothing yet. */
  get spare(): number {
    let count = 0;
    for (const stack of this.free) for (const { freeUntilNs } of stack) if (freeUntilNs === Number.POSITIVE_INFINITY) count++;
    return count;
  }

  /** A new one joins, in use, for the session alone where one is given. */
  add(connection: C, session?: string): void {
    this.all.add(connection);
    if (session !== undefined) this.own(connection, session);
  }

  /**
   * The session's own one, however long it has rested, or the free one that was used last, which is the session's from then on.
   * Undefined where a new one is needed. Those that are of no use any more are thrown away.
   */
  take(target: number, session?: string): C | undefined {
    if (session === undefined) return this.takeFree(target);
    const known = this.owned[target]?.get(session);
    if (known?.isUsable === true) return known;
    if (known !== undefined) this.replace(known);
    const free = this.takeFree(target);
    if (free !== undefined) this.own(free, session);
    return free;
  }

  /** Throws away what a session has. */
  endSession(session: string): void {
    for (const connections of this.owned) {
      const connection = connections.get(session);
      if (connection !== undefined) this.discard(connection);
    }
  }

  /** It has been opened ahead of any request. */
  addFree(connection: C): void {
    this.free[connection.target]?.push(connection);
  }

  /** Its answer has ended well. @param keptSec how long the target has said that it keeps it */
  giveBack(connection: C, atNs: MonotonicNs, keptSec = Number.POSITIVE_INFINITY): void {
    const kept = this.keepAlive[connection.target];
    const idleNs = this.idleNs[connection.target] ?? 0;
    connection.freeUntilNs = atNs + Math.min(idleNs, Math.max(0, 1e9 * (keptSec - keptMarginSec)));
    if (this.closed || !connection.isPooled || kept === undefined) this.discard(connection);
    else if (connection.session !== undefined) return;
    else if (kept.isProven) this.addFree(connection);
    // The loop looks at its sockets once more after the timer: a close that came while this process did not run counts too.
    else connection.rest = setTimeout(() => setImmediate(() => this.endRest(connection, kept)), kept.restMs);
  }

  /** The target has closed it, and no request is on it. */
  gone(connection: C): void {
    if (connection.rest === undefined) return;
    this.replaced++;
    this.discard(connection);
  }

  /** A kept one that the target had closed was found out only when a request was about to go out on it. */
  replace(connection: C): void {
    this.replaced++;
    this.discard(connection);
  }

  /** The target has closed a kept connection under a request. */
  distrust(target: number): void {
    const kept = this.keepAlive[target];
    if (kept?.isProven !== true || kept.restMs === 0) return;
    kept.isProven = false;
    kept.restMs = Math.min(longestRestMs, 4 * kept.restMs);
  }

  discard(connection: C): void {
    if (!this.all.delete(connection)) return;
    if (connection.session !== undefined) this.owned[connection.target]?.delete(connection.session);
    clearTimeout(connection.rest);
    connection.close();
  }

  /** Opens connections until `count` stand free, or the signal aborts. `openOne` adds what it opened, and does not reject. */
  async openAhead(target: number, count: number, signal: AbortSignal, openOne: () => Promise<void>): Promise<void> {
    let left = count - (this.free[target]?.length ?? 0);
    const openNext = (): Promise<void> =>
      new Promise((resolve) => this.slices.do(() => resolve(signal.aborted ? undefined : openOne())));
    const openSome = async (): Promise<void> => {
      while (left-- > 0 && !signal.aborted) await openNext();
    };
    await Promise.all(Array.from({ length: Math.min(Math.max(0, left), openedAtOnce) }, openSome));
  }

  /** Throws all away; what comes back later is thrown away too. */
  close(): void {
    this.closed = true;
    for (const connection of [...this.all]) this.discard(connection);
  }

  private takeFree(target: number): C | undefined {
    const stack = this.free[target];
    const nowNs = monotonicNs();
    for (let connection = stack?.pop(); connection !== undefined; connection = stack?.pop()) {
      const isIdle = nowNs > connection.freeUntilNs;
      if (connection.isUsable && !isIdle) return connection;
      if (!connection.isUsable) this.replaced++;
      const left = connection;
      this.slices.do(() => this.discard(left));
    }
    return undefined;
  }

  private own(connection: C, session: string): void {
    connection.session = session;
    this.owned[connection.target]?.set(session, connection);
  }

  private endRest(connection: C, kept: KeepAlive): void {
    if (!this.all.has(connection)) return;
    connection.rest = undefined;
    kept.isProven = true;
    if (this.closed) this.discard(connection);
    else this.addFree(connection);
  }
}
