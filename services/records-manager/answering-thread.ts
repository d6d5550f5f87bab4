/** A thread that answers questions about runs' files, one at a time (`query-thread.ts` is its program). */
import { Worker } from "node:worker_threads";
import { AssayError, type ErrorCode } from "../common/errors.ts";
import type { Queries, QueryName } from "./queries.ts";

export interface ThreadQuestion {
  readonly name: QueryName;
  readonly argument: Parameters<Queries[QueryName]>[0];
}

export interface ThreadAnswer {
  readonly result?: unknown;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly reason: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

/** A question and who waits for its answer. What is told after the first outcome is not heard. */
export interface Asked extends ThreadQuestion {
  /** Goes over all rows, however few it gives. */
  readonly isLong: boolean;
  /** A run waits for it, and not a client. */
  readonly isFirst: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: AssayError) => void;
}

export interface AnsweringThreadOptions {
  readonly program: URL;
  /** Without a question for so long it ends. */
  readonly idleMs: number;
  /** It has answered and may be asked again. */
  readonly onFree: () => void;
  /** It has ended, whatever ended it; whoever waited for the answer to `question` was told. */
  readonly onEnd: (thread: AnsweringThread, question: Asked | undefined) => void;
}

/** Columns come out of SQLite as buffers whose own objects are tiny: a large young generation would let gigabytes of them pile up. */
const YOUNG_MB = 3;

/** Keeps the process alive while it is asked something, and not otherwise. Free from the start, until it is asked, and again after its answer. */
export class AnsweringThread {
  readonly #options: AnsweringThreadOptions;
  readonly #thread: Worker;
  #idle: NodeJS.Timeout | undefined;
  #question: Asked | undefined;
  #isEnding = false;

  constructor(options: AnsweringThreadOptions) {
    this.#options = options;
    this.#thread = new Worker(options.program, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    this.#rest();
    let end = new AssayError("unavailable", "the query thread ended");
    this.#thread.on("error", (error) => {
      end = new AssayError("unavailable", `the query thread died: ${error.message}`, { cause: error });
    });
    this.#thread.on("message", (answer: ThreadAnswer) => this.#answer(answer));
    this.#thread.on("exit", () => {
      clearTimeout(this.#idle);
      this.#isEnding = true;
      this.#question?.reject(end);
      options.onEnd(this, this.#question);
    });
  }

  get isFree(): boolean {
    return this.#question === undefined && !this.#isEnding;
  }

  /** What it is asked; undefined while it is free. Still there while the thread ends. */
  get question(): Asked | undefined {
    return this.#question;
  }

  /** Only while it is free. */
  ask(question: Asked): void {
    clearTimeout(this.#idle);
    this.#question = question;
    this.#thread.ref();
    const { name, argument } = question;
    this.#thread.postMessage({ name, argument } satisfies ThreadQuestion);
  }

  /** Ends it in the middle of what it does; what SQLite is about to give it waits for. Resolves when it has ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#thread.terminate();
  }

  #answer({ result, error }: ThreadAnswer): void {
    const question = this.#question;
    if (question === undefined || this.#isEnding) return;
    this.#question = undefined;
    this.#rest();
    if (error === undefined) question.resolve(result);
    else question.reject(new AssayError(error.code, error.message, { reason: error.reason, metadata: error.metadata }));
    this.#options.onFree();
  }

  #rest(): void {
    this.#thread.unref();
    this.#idle = setTimeout(() => void this.end(), this.#options.idleMs).unref();
  }
}
