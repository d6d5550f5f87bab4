/**
 * A bell on a thread of its own: it can sleep until a moment to some tens of microseconds, which no timer of an event loop can. It
 * does not keep the process alive.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { AlarmCell } from "./alarm-cell.ts";

export interface AlarmBellOptions {
  /** The thread's program; default: the one beside this file, a source or bundled as this file is. */
  readonly threadUrl?: URL;
  readonly onRing: () => void;
  /** The thread is gone, unasked; nothing rings any more. */
  readonly onDeath: (why: string) => void;
}

export class AlarmBell {
  readonly #cell = new AlarmCell();
  readonly #thread: Worker;
  /** Resolves when the thread runs. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;
  #isClosed = false;

  /** Starts the thread. */
  constructor({ threadUrl = ownThread(), onRing, onDeath }: AlarmBellOptions) {
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    let why = "it ended";
    this.ready = ready.promise;
    this.ended = ended.promise;
    this.#thread = new Worker(threadUrl, { workerData: this.#cell.memory });
    this.#thread.unref();
    this.#thread.on("online", ready.resolve);
    this.#thread.on("message", () => {
      if (!this.#isClosed) onRing();
    });
    this.#thread.on("error", ({ message }) => {
      why = message;
    });
    this.#thread.on("exit", () => {
      if (!this.#isClosed) onDeath(why);
      ready.resolve();
      ended.resolve();
    });
  }

  /** Rings once at this moment (CLOCK_MONOTONIC) or after, in place of any earlier wish; Infinity: not at all. */
  ringAt(ns: number): void {
    this.#cell.set(ns);
  }

  /** Ends the thread. */
  close(): void {
    this.#isClosed = true;
    this.#cell.close();
  }
}

function ownThread(): URL {
  return new URL(`./alarm-thread${extname(import.meta.url)}`, import.meta.url);
}
