/** A run that is driven over one stream. What it promises is written at its types. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
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
/** Above the 300 s that the controller gives the dataset service before it answers. */
const createdWithinMs = 330_000;
const metWithinMs = 10_000;

export interface DriveOptions extends types.DriveOptions {
  /** The run is created; absent: it goes on already. */
  readonly creation?: { readonly spec: types.RunSpecInit; readonly isKept: boolean };
  readonly runId: string;
}

/** Follows it from the first message on, which `opened` waits for. */
export class DrivenRun implements Omit<types.DrivenRun, "summary" | "records"> {
  id: string;
  #now: Run | undefined;
  #first: DriveRunResponse | undefined;
  #stream: DriveStream | undefined;
  readonly #runs: Client<typeof RunService>;
  readonly #options: DriveOptions;
  readonly #progress: AsyncGenerator<DriveRunResponse, void, undefined>;
  readonly #closed = new AbortController();

  constructor(runs: Client<typeof RunService>, options: DriveOptions) {
    this.id = options.runId;
    this.#runs = runs;
    this.#options = options;
    const { creation, signal } = options;
    const given = signal === undefined ? [] : [signal];
    this.#progress = followed(() => this.#open(), {
      signal: AbortSignal.any([this.#closed.signal, ...given]),
      // The suite ends a run of one's own with its stream.
      isReopened: creation === undefined || creation.isKept,
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
    return this.#send({ message: { case: "cancel", value: { reason } } });
  }

  close(): void {
    this.#closed.abort();
    this.#stream?.cancel();
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
    const { signal, creation } = this.#options;
    const isNew = creation !== undefined && this.#now === undefined;
    const stream = this.#runs.driveRun({ signal, openTimeoutMs: isNew ? createdWithinMs : metWithinMs });
    this.#stream = stream;
    stream.send(isNew ? creationOf(creation, this.#options) : attachment(this.id, this.#options));
    try {
      yield* messagesOf(stream);
    } catch (error) {
      const run = await this.#endedMeanwhile(error);
      yield create(DriveRunResponseSchema, { run });
    } finally {
      this.#stream = undefined;
    }
  }

  /** The run, where that it has ended is why it cannot be driven; else throws the error. */
  async #endedMeanwhile(error: unknown): Promise<Run> {
    const isMet = this.#options.creation === undefined || this.#now !== undefined;
    if (!isMet || !(error instanceof AssayError) || error.code !== "failed_precondition") throw error;
    const { run } = await this.#runs.getRun({ runId: this.id });
    if (run === undefined || !isEnded(run)) throw error;
    return run;
  }
}

function creationOf(
  { spec, isKept }: NonNullable<DriveOptions["creation"]>,
  { runId, intervalMs = usualIntervalMs, requestedBy = "" }: DriveOptions,
): DriveRequest {
  return { message: { case: "create", value: { run: { spec, runId }, cancelOnDisconnect: !isKept, intervalMs, requestedBy } } };
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
