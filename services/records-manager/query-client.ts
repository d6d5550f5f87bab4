/**
 * Asks queries without blocking an event loop that ingests: threads answer them. One starts with the first query that needs it (about
 * 60 ms), others where it is busy. Queries that go over all rows are answered one after the other, so that the memory of one of them is
 * all that is taken; those that look a few rows up wait for none of them, nor do those that a run cannot go on or end without.
 */
import { extname } from "node:path";
import { AssayError } from "../common/errors.ts";
import { AnsweringThread, type Asked } from "./answering-thread.ts";
import { removeUnfinished } from "./exports/atomic-file.ts";
import type { Queries, QueryName } from "./queries.ts";
import type { RecordsQuery } from "./query-records.ts";
import { RunReader } from "./store/run-reader.ts";

/**
 * A file with fewer rows than this is queried on the calling thread: it takes less time than to start another, so that a
 * short run has its summary at once.
 */
export const INLINE_ROWS = 5_000;
/** The same of scrapes, each of which may have hundreds of values. */
export const INLINE_SCRAPES = 1_000;
const MAX_THREADS = 3;
/** Queries that may be under way or wait; one more is refused. */
const MAX_ASKED = 64;
/** Threads without a question for so long end. */
const IDLE_MS = 30_000;
/** Files of ten million rows take minutes. No query is waited for longer than this, whoever asks without a deadline. */
const LONGEST_MS = 30 * 60_000;

export interface QueryClientOptions {
  /** The threads' program. Default: the one beside this file, a source or bundled as this file is. */
  readonly program?: URL;
  readonly idleMs?: number;
  readonly longestMs?: number;
}

interface AskOptions {
  readonly signal: AbortSignal | undefined;
  readonly isFirst: boolean;
}

export class QueryClient {
  readonly #options: Required<QueryClientOptions>;
  /** In the order in which they are to be answered. */
  readonly #waiting: Asked[] = [];
  readonly #threads = new Set<AnsweringThread>();

  constructor({
    program = new URL(`./query-thread${extname(import.meta.url)}`, import.meta.url),
    idleMs = IDLE_MS,
    longestMs = LONGEST_MS,
  }: QueryClientOptions = {}) {
    this.#options = { program, idleMs, longestMs };
  }

  /** How many threads there are now. */
  get threadCount(): number {
    return this.#threads.size;
  }

  /**
   * Asks one query. Rejects with what the query throws; when `signal` aborts, with its reason where that is an AssayError and with
   * `cancelled` where not: a long query ends with it, a short one is answered unheard; `deadline_exceeded` after half an hour;
   * `resource_exhausted` when too many wait; `unavailable` when the client is closed or the thread dies.
   */
  async ask<Name extends QueryName>(
    name: Name,
    argument: Parameters<Queries[Name]>[0],
    signal?: AbortSignal,
  ): Promise<ReturnType<Queries[Name]>> {
    if (signal?.aborted === true) throw abortErrorOf(signal, name);
    if (isSmall(argument.folder)) return answerHere(name, argument);
    const underWay = [...this.#threads].filter((thread) => thread.question !== undefined);
    if (this.#waiting.length + underWay.length >= MAX_ASKED) {
      throw new AssayError("resource_exhausted", `cannot ask ${name}: ${MAX_ASKED} queries are waiting already`);
    }
    return (await this.#askThread(name, argument, { signal, isFirst: false })) as ReturnType<Queries[Name]>;
  }

  /** The same for what a run cannot go on or end without: it waits for others of its kind alone, and is not refused however many wait. */
  async askFirst<Name extends QueryName>(name: Name, argument: Parameters<Queries[Name]>[0]): Promise<ReturnType<Queries[Name]>> {
    if (isSmall(argument.folder)) return answerHere(name, argument);
    return (await this.#askThread(name, argument, { signal: undefined, isFirst: true })) as ReturnType<Queries[Name]>;
  }

  /** Ends the threads; queries that are under way or wait are rejected. */
  async close(): Promise<void> {
    const error = new AssayError("unavailable", "the query client was closed");
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    const ends = [...this.#threads].map((thread) => {
      thread.question?.reject(error);
      return thread.end();
    });
    await Promise.all(ends);
  }

  #askThread(name: QueryName, argument: Asked["argument"], { signal, isFirst }: AskOptions): Promise<unknown> {
    const { longestMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const question: Asked = { name, argument, isLong: isLong(name, argument), isFirst, resolve, reject };
    const onAbort = (): void => this.#giveUp(question, abortErrorOf(signal, name));
    const late = new AssayError("deadline_exceeded", `query ${name} was not answered in ${longestMs / 1000} s`);
    const timer = setTimeout(() => this.#giveUp(question, late), longestMs).unref();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (isFirst) this.#waiting.unshift(question);
    else this.#waiting.push(question);
    this.#giveOut();
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    });
  }

  /** Nobody waits for it any more. What is short is answered before another thread would have started. */
  #giveUp(question: Asked, error: AssayError): void {
    question.reject(error);
    if (this.#takeOut(question) || !question.isLong) return;
    for (const thread of this.#threads) if (thread.question === question) void thread.end();
  }

  #giveOut(): void {
    for (const question of [...this.#waiting]) {
      // One that is being ended counts, too: it has its memory until then.
      const isBeside = (other: Asked | undefined): boolean => other?.isLong === true && other.isFirst === question.isFirst;
      if (question.isLong && [...this.#threads].some((thread) => isBeside(thread.question))) continue;
      const thread = this.#freeThread();
      if (thread === undefined) return;
      this.#takeOut(question);
      thread.ask(question);
    }
  }

  /** False: it does not wait. */
  #takeOut(question: Asked): boolean {
    const at = this.#waiting.indexOf(question);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  /** Undefined: there are as many as may be, and all have something to do. */
  #freeThread(): AnsweringThread | undefined {
    const free = [...this.#threads].find((thread) => thread.isFree);
    if (free !== undefined || this.#threads.size >= MAX_THREADS) return free;
    const { program, idleMs } = this.#options;
    const thread = new AnsweringThread({
      program,
      idleMs,
      onFree: () => this.#giveOut(),
      onEnd: (ended, question) => {
        this.#threads.delete(ended);
        if (question?.name === "export") removeUnfinished(question.argument.folder);
        this.#giveOut();
      },
    });
    this.#threads.add(thread);
    return thread;
  }
}

/** Whether its time grows with the run. A page without a condition reads its own rows alone. */
function isLong(name: QueryName, argument: Asked["argument"]): boolean {
  if (name === "recordsOf" || name === "exportFiles" || name === "closing") return false;
  if (name !== "records") return true;
  const { phase, filter, orderBy } = argument as RecordsQuery;
  return phase !== undefined || filter !== undefined || orderBy !== undefined;
}

async function answerHere<Name extends QueryName>(
  name: Name,
  argument: Parameters<Queries[Name]>[0],
): Promise<ReturnType<Queries[Name]>> {
  const { queries } = await import("./queries.ts");
  const query = queries[name] as (argument: unknown) => ReturnType<Queries[Name]>;
  return query(argument);
}

function isSmall(folder: string): boolean {
  const reader = RunReader.open(folder);
  try {
    return reader.rowBound() < INLINE_ROWS && reader.scrapeBound() < INLINE_SCRAPES;
  } finally {
    reader.close();
  }
}

function abortErrorOf(signal: AbortSignal | undefined, name: QueryName): AssayError {
  const reason: unknown = signal?.reason;
  return reason instanceof AssayError ? reason : new AssayError("cancelled", `query ${name} was cancelled`);
}
