/** A run that is driven over one stream. What it promises is written at its types. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { Run } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type DriveRunRequestSchema,
  type DriveRunResponse,
  DriveRunResponseSchema,
  type RunService,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import type { Client } from "../../services/common/rpc/client.ts";
import type { MessageStream } from "../../services/common/rpc/handler.ts";
import { followed, isEnded } from "./follow-run.ts";
import type * as types from "./types.d.ts";

type DriveRequest = MessageInitShape<typeof DriveRunRequestSchema>;
type DriveStream = ReturnType<Client<typeof RunService>["driveRun"]>;

const usualIntervalMs = 500;
const answeredWithinMs = 10_000;
/** Above the 300 s that the controller gives the dataset service. */
const readWithinMs = 330_000;
/** Kind of the event that a run is to end. */
const cancelAsked = "cancel_asked";

export interface DriveOptions extends types.DriveOptions {
  /** The run is created; absent: it goes on already. */
  readonly creation?: { readonly spec: types.RunSpecInit; readonly isKept: boolean };
  readonly runId: string;
}

/** How long a controller may take to say what it thinks of a spec: files and tokenizers are read before. */
export function acceptedWithinMs({ dataset, tokenizer }: RunSpec): number {
  const isMade = dataset === undefined || dataset.source.case === undefined || dataset.source.case === "synthetic";
  return isMade && tokenizer === undefined ? answeredWithinMs : readWithinMs;
}

/** Follows it from the first message on, which `opened` waits for. */
export class DrivenRun implements Omit<types.DrivenRun, "summary" | "records"> {
  id: string;
  #now: Run | undefined;
  #first: DriveRunResponse | undefined;
  /** One that has been answered. */
  #stream: DriveStream | undefined;
  /** Why the stream broke on which the run was to be created; it may be there all the same. */
  #unanswered: AssayError | undefined;
  #endWish: string | undefined;
  readonly #runs: Client<typeof RunService>;
  readonly #options: DriveOptions;
  readonly #progress: AsyncGenerator<DriveRunResponse, void, undefined>;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;

  constructor(runs: Client<typeof RunService>, options: DriveOptions) {
    this.id = options.runId;
    this.#runs = runs;
    this.#options = options;
    const { creation, signal, silenceMs, onBroken } = options;
    const given = signal === undefined ? [] : [signal];
    this.#signal = AbortSignal.any([this.#closed.signal, ...given]);
    this.#progress = followed(() => this.#open(), {
      signal: this.#signal,
      // The suite ends a run of one's own with its stream.
      isReopened: creation === undefined || creation.isKept,
      silenceMs,
      onBroken,
    });
  }

  /** Throws why the run cannot be created or met. */
  async opened(): Promise<this> {
    const { value } = await this.#progress.next();
    if (value !== undefined) this.#take(value);
    this.#first = value ?? undefined;
    return this;
  }

  get now(): Run {
    if (this.#now === undefined) throw new AssayError("failed_precondition", "nothing was told of the run yet");
    return this.#now;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DriveRunResponse, void, undefined> {
    try {
      if (this.#first !== undefined) yield this.#first;
      this.#first = undefined;
      for await (const progress of this.#progress) {
        this.#take(progress);
        yield progress;
      }
    } finally {
      this.close();
    }
  }

  adjust(change: types.LoadChange): boolean {
    const phase = this.#now?.phases.find(({ name }) => name === this.#now?.phase)?.index ?? 0;
    return this.#send({ message: { case: "adjust", value: { phase, ...change } } });
  }

  cancel(reason = ""): boolean {
    this.#endWish = reason;
    return this.#send(cancellation(reason));
  }

  close(): void {
    this.#closed.abort();
    this.#stream = undefined;
  }

  #take({ run }: DriveRunResponse): void {
    if (run === undefined) return;
    this.#now = run;
    this.id = run.runId;
  }

  #send(request: DriveRequest): boolean {
    this.#stream?.send(request);
    return this.#stream !== undefined;
  }

  async *#open(): AsyncGenerator<DriveRunResponse> {
    const { creation } = this.#options;
    // Asked a second time it might be a second run.
    const isNew = creation !== undefined && this.#now === undefined && this.#unanswered === undefined;
    const spec = isNew ? create(RunSpecSchema, creation.spec) : undefined;
    const openTimeoutMs = spec === undefined ? answeredWithinMs : acceptedWithinMs(spec);
    const stream = this.#runs.driveRun({ signal: this.#signal, openTimeoutMs });
    stream.send(spec === undefined ? attachment(this.id, this.#options) : creationOf(spec, this.#options));
    try {
      for await (const message of messagesOf(stream)) {
        if (this.#stream === undefined) this.#meet(stream, message);
        yield message;
      }
    } catch (error) {
      yield create(DriveRunResponseSchema, { run: await this.#endedMeanwhile(error) });
    } finally {
      this.#stream = undefined;
    }
  }

  /** Its first message has all events so far. */
  #meet(stream: DriveStream, { events }: DriveRunResponse): void {
    this.#stream = stream;
    // What was asked for on a stream that broke may not have come to anybody; asked for twice it would end the run at once.
    const isUnheard = this.#endWish !== undefined && !events.some(({ kind }) => kind === cancelAsked);
    if (isUnheard) stream.send(cancellation(this.#endWish));
  }

  /** The run, where that it has ended is why it cannot be driven; else throws why it is not told of. */
  async #endedMeanwhile(error: unknown): Promise<Run> {
    if (!(error instanceof AssayError)) throw error;
    const isCreating = this.#options.creation !== undefined && this.#now === undefined;
    if (isCreating && this.#unanswered === undefined) {
      this.#unanswered = error;
      throw error;
    }
    if (isCreating && error.code === "not_found") throw notCreated(this.#unanswered);
    if (error.code !== "failed_precondition") throw error;
    const { run } = await this.#runs.getRun({ runId: this.id });
    if (run === undefined || !isEnded(run)) throw error;
    return run;
  }
}

function creationOf(
  spec: RunSpec,
  { runId, creation, intervalMs = usualIntervalMs, requestedBy = "" }: DriveOptions,
): DriveRequest {
  const cancelOnDisconnect = creation?.isKept !== true;
  return { message: { case: "create", value: { run: { spec, runId }, cancelOnDisconnect, intervalMs, requestedBy } } };
}

function notCreated(cause: AssayError | undefined): AssayError {
  return new AssayError("not_found", `the run was not created: ${cause?.message}`, { cause });
}

function cancellation(reason = ""): DriveRequest {
  return { message: { case: "cancel", value: { reason } } };
}

function attachment(runId: string, { intervalMs = usualIntervalMs, requestedBy = "" }: types.DriveOptions): DriveRequest {
  return { message: { case: "attach", value: { runId, intervalMs, requestedBy } } };
}

/** As they come; throws what broke the stream. Leaving the loop cancels it. */
async function* messagesOf<In, Out>(stream: MessageStream<In, Out>): AsyncGenerator<In> {
  const waiting: In[] = [];
  let over: { readonly error: AssayError | undefined } | undefined;
  let news = Promise.withResolvers<void>();
  stream.onMessage((message) => {
    waiting.push(message);
    news.resolve();
  });
  stream.onClose((error) => {
    over = { error };
    news.resolve();
  });
  try {
    for (;;) {
      yield* waiting.splice(0);
      if (waiting.length === 0 && over !== undefined) break;
      await news.promise;
      news = Promise.withResolvers();
    }
  } finally {
    stream.cancel();
  }
  if (over.error !== undefined) throw over.error;
}
