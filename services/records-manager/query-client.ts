/**
 * Asks queries without blocking an event loop that ingests: a thread answers them. It starts with the first query that
 * needs it (about 60 ms) and does not keep the process alive.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { AssayError, type ErrorCode } from "../common/errors.ts";
import type { Queries, QueryName } from "./queries.ts";
import { RunReader } from "./store/run-reader.ts";

export interface ThreadQuestion {
  readonly id: number;
  readonly name: QueryName;
  readonly argument: unknown;
}

export interface ThreadAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly reason: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

/**
 * A file with fewer rows than this is queried on the calling thread: it takes less time than to start another, so that a
 * short run has its summary at once.
 */
export const INLINE_ROWS = 5_000;
/** Columns come out of SQLite as buffers whose own objects are tiny: a large young generation would let gigabytes of them pile up. */
const YOUNG_MB = 3;
/** Queries that may wait for the thread; one more is refused. */
const MAX_WAITING = 64;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class QueryClient {
  readonly #threadUrl: URL;
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #lastId = 0;

  /** `threadUrl` = the thread's program; by default the one beside this file, a source or bundled as this file is. */
  constructor(threadUrl = new URL(`./query-thread${extname(import.meta.url)}`, import.meta.url)) {
    this.#threadUrl = threadUrl;
  }

  /** Whether the thread runs. */
  get isThreadStarted(): boolean {
    return this.#thread !== undefined;
  }

  /**
   * Asks one query. Rejects with what the query throws; with `cancelled` when `signal` aborts (the thread still finishes,
   * unheard); `resource_exhausted` when too many wait; `unavailable` when the client is closed or the thread dies.
   */
  async ask<Name extends QueryName>(
    name: Name,
    argument: Parameters<Queries[Name]>[0],
    signal?: AbortSignal,
  ): Promise<ReturnType<Queries[Name]>> {
    throwIfAborted(signal, name);
    if (isSmall(argument.folder)) {
      const { queries } = await import("./queries.ts");
      const query = queries[name] as (argument: unknown) => ReturnType<Queries[Name]>;
      return query(argument);
    }
    return (await this.#askThread(name, argument, signal)) as ReturnType<Queries[Name]>;
  }

  /** Ends the thread; queries that wait are rejected. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#fail(new AssayError("unavailable", "the query client was closed"));
    await thread?.terminate();
  }

  #askThread(name: QueryName, argument: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new AssayError("resource_exhausted", `cannot ask ${name}: ${MAX_WAITING} queries are waiting already`);
    }
    const thread = this.#startedThread();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#settle(id)?.reject(cancelled(name));
      signal?.addEventListener("abort", onAbort, { once: true });
      const detach = () => signal?.removeEventListener("abort", onAbort);
      this.#waiting.set(id, {
        resolve: (result) => {
          detach();
          resolve(result);
        },
        reject: (error) => {
          detach();
          reject(error);
        },
      });
      thread.ref();
      thread.postMessage({ id, name, argument } satisfies ThreadQuestion);
    });
  }

  #startedThread(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(this.#threadUrl, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    thread.on("message", (answer: ThreadAnswer) => this.#answer(answer));
    thread.on("error", (error) => {
      if (this.#thread === thread)
        this.#fail(new AssayError("unavailable", `the query thread died: ${error.message}`, { cause: error }));
    });
    thread.on("exit", () => {
      if (this.#thread === thread) this.#fail(new AssayError("unavailable", "the query thread ended"));
    });
    this.#thread = thread;
    return thread;
  }

  #answer({ id, result, error }: ThreadAnswer): void {
    const waiting = this.#settle(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new AssayError(error.code, error.message, { reason: error.reason, metadata: error.metadata }));
  }

  /** Takes a query off the list; without any left the thread may end with the process. */
  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#thread?.unref();
    return waiting;
  }

  /** The next query starts a new thread. */
  #fail(error: AssayError): void {
    this.#thread = undefined;
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(error);
  }
}

function isSmall(folder: string): boolean {
  const reader = RunReader.open(folder);
  try {
    return reader.rowBound() < INLINE_ROWS;
  } finally {
    reader.close();
  }
}

function throwIfAborted(signal: AbortSignal | undefined, name: QueryName): void {
  if (signal?.aborted === true) throw cancelled(name);
}

function cancelled(name: QueryName): AssayError {
  return new AssayError("cancelled", `query ${name} was cancelled`);
}
