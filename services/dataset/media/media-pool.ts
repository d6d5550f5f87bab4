/** Threads that make the media of one dataset, so that the event loop of the service goes on. They are started as they are needed. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import type { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError, type ErrorCode } from "../../common/errors.ts";
import type { MediumPlan } from "../core/media/media.ts";
import type { MediaTools } from "./make-media.ts";

export interface MediaJob {
  /** Of the turn, without media. */
  readonly messages: readonly ChatMessage[];
  /** The rest of it. */
  readonly turn: Omit<MessageInitShape<typeof TurnSchema>, "messages" | "$typeName">;
  readonly media: readonly MediumPlan[];
}

export type MediaAnswer =
  | { readonly kind: "made"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

interface Waiting {
  readonly job: MediaJob;
  resolve(bytes: Uint8Array): void;
  reject(error: AssayError): void;
}

export class MediaPool {
  readonly #tools: MediaTools;
  readonly #maxThreads: number;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(tools: MediaTools, maxThreads: number) {
    this.#tools = tools;
    this.#maxThreads = maxThreads;
  }

  /**
   * The turn as a `Turn`'s bytes, media included; first come, first served. Rejects with why it cannot be made, with `unavailable` where
   * the thread dies or the pool is closed.
   */
  make(job: MediaJob): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    if (this.#isClosed) reject(closed());
    else {
      this.#waiting.push({ job, resolve, reject });
      this.#giveOut();
    }
    return promise;
  }

  /** Ends the threads at once; what they have started ends with its pipes. Resolves when they have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  #giveOut(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? this.#start();
      const waiting = thread && this.#waiting.shift();
      if (waiting === undefined) return;
      this.#give(thread as Worker, waiting);
    }
  }

  /** Undefined: there are as many as may be. */
  #start(): Worker | undefined {
    if (this.#threads.size >= this.#maxThreads) return undefined;
    const program = new URL(`./media-thread${extname(import.meta.url)}`, import.meta.url);
    const thread = new Worker(program, { workerData: this.#tools });
    thread.unref();
    this.#threads.add(thread);
    return thread;
  }

  #give(thread: Worker, { job, resolve, reject }: Waiting): void {
    const end = (): void => {
      thread.off("message", onMessage);
      thread.off("error", onError);
      thread.off("exit", onExit);
    };
    const onMessage = (answer: MediaAnswer): void => {
      end();
      thread.unref();
      this.#idle.push(thread);
      if (answer.kind === "made") resolve(answer.bytes);
      else reject(new AssayError(answer.code, answer.message));
      this.#giveOut();
    };
    const lose = (error: AssayError): void => {
      end();
      this.#threads.delete(thread);
      // What it says as it ends concerns nobody any more.
      thread.on("error", () => {});
      reject(error);
      if (!this.#isClosed) this.#giveOut();
    };
    const onError = (error: Error): void => {
      lose(new AssayError("unavailable", `the thread that makes media died: ${error.message}`, { cause: error }));
    };
    const onExit = (): void =>
      lose(this.#isClosed ? closed() : new AssayError("unavailable", "the thread that makes media ended"));
    thread.on("message", onMessage);
    thread.on("error", onError);
    thread.on("exit", onExit);
    thread.ref();
    thread.postMessage(job);
  }
}

function closed(): AssayError {
  return new AssayError("unavailable", "the dataset is not asked for turns any more");
}
