/**
 * One shard of a run at a record-processor: workers' streams on one side, one stream to the records-manager on the other, a measurer
 * between them. Keeps nothing: an ack to a worker is always the manager's.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { builtInEndpoints, type EndpointCatalog } from "../../endpoints/catalog.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { RecordPart } from "../../gen/assay/record_processor/v1/record_pb.js";
import {
  ProcessRecordsRequestSchema,
  type ProcessRecordsResponseSchema,
  type RecordsHello,
} from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import {
  IngestRecordsRequestSchema,
  type IngestRecordsResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { BatchBuffers } from "../common/batch-buffers.ts";
import { isBatch } from "../common/batch-wire.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { MetricBatchWriter } from "../common/metric-batch.ts";
import type { RawAnswer } from "../common/metric-record.ts";
import { type RawRecord, withoutRequestBody } from "../common/raw-record.ts";
import { type BatchOrigin, readRecordBatch } from "../common/record-batch.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { endpointOf } from "../common/run-endpoint.ts";
import { secretsOf } from "../common/secrets.ts";
import { protocolVersion } from "../common/version.ts";
import { readMessage } from "../common/wire.ts";
import type { AnswerChecker } from "./core/answer-checker.ts";
import { type Counters, Measurer } from "./core/measurer.ts";
import { fittedRaw } from "./core/raw-fit.ts";
import { Relay } from "./core/relay.ts";

export type WorkerStream = MessageStream<Buffer, MessageInitShape<typeof ProcessRecordsResponseSchema>>;
/** Requests go as bytes. */
export type ManagerStream = MessageStream<IngestRecordsResponse, Uint8Array>;

/** How a client sends them so. */
export const ingestCodecs = { ingestRecords: { requestSerialize: (bytes: Uint8Array) => bytes } };

export interface ProcessorRunOptions {
  readonly runId: string;
  readonly memberId: string;
  /** Of which all records here are. */
  readonly shard: number;
  readonly spec: RunSpec;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** The run's; undefined: lengths are what the target's usage says. */
  readonly counters: Counters;
  /** Undefined: no answer is checked. */
  readonly checker?: AnswerChecker | undefined;
  readonly log: Logger;
  /** Opens a stream to the records-manager; hello not yet sent. */
  dial(): ManagerStream;
}

interface Source {
  readonly stream: WorkerStream;
  readonly origin: BatchOrigin;
  /** Pieces of a large payload that have come. */
  parts: Uint8Array[];
}

const noBytes = new Uint8Array(0);
/** A batch for the manager is sent when it has so many bytes, at the latest when what has come in this turn of the event loop is measured. */
const batchBytes = 64 * 1024;
const firstBackoffMs = 50;
const lastBackoffMs = 500;

export class ProcessorRun {
  private readonly options: ProcessorRunOptions;
  private readonly measurer: Measurer;
  /** What a target was sent to know who asks: it may say it back in an answer that is kept. */
  private readonly secrets: ReturnType<typeof secretsOf>;
  /** Answers are kept as they came. */
  private readonly keepsAnswers: boolean;
  /** Of answers the reads are kept. */
  private readonly isTraced: boolean;
  private readonly sources = new Map<number, Source>();
  private readonly silences = new Set<() => void>();
  private readonly relay: Relay;
  private readonly buffers = new BatchBuffers({ sizeBytes: batchBytes + 32 * 1024, kept: 16, keptBytes: 512 * 1024 });
  private readonly opened = Promise.withResolvers<void>();
  private manager: ManagerStream | undefined;
  /** Of the batch that was begun last. */
  private managerSeq = 0;
  /** Not sent yet. */
  private batch: MetricBatchWriter | undefined;
  private sending: NodeJS.Immediate | undefined;
  private nextStreamId = 1;
  private redial: NodeJS.Timeout | undefined;
  private backoffMs = firstBackoffMs;
  private isClosed = false;
  private measured = 0;
  private failed = 0;

  /** Throws `invalid_argument` for an endpoint that there is not. */
  constructor(options: ProcessorRunOptions) {
    this.options = options;
    this.measurer = createMeasurer(options.spec, options);
    this.secrets = secretsOf(options.spec);
    const { exportLevel, exportOutputsJson = false, exportHttpTrace = false } = options.spec.output ?? {};
    this.keepsAnswers = exportLevel === "raw" || exportOutputsJson;
    this.isTraced = exportHttpTrace;
    this.relay = new Relay({
      ack: (streamId, workerSeq) => this.sources.get(streamId)?.stream.send({ ackedSeq: BigInt(workerSeq) }),
      endWorkerStream: (streamId, reason) => this.endSource(streamId, reason),
    });
    this.dial();
  }

  /** Resolves once the records-manager has taken the hello. */
  get ready(): Promise<void> {
    return this.opened.promise;
  }

  get stats() {
    return {
      records: this.measured,
      failed: this.failed,
      faults: this.measurer.faults,
      streams: this.sources.size,
      queued: this.manager?.queued ?? 0,
    };
  }

  /** Takes a worker's stream whose first message was this hello. */
  accept(stream: WorkerStream, hello: RecordsHello): void {
    if (hello.protocolVersion !== protocolVersion) {
      throw new AssayError(
        "failed_precondition",
        `protocol version ${hello.protocolVersion} of the worker, ${protocolVersion} here`,
      );
    }
    const streamId = this.nextStreamId++;
    this.sources.set(streamId, { stream, origin: { workerId: hello.workerId, wallOffsetNs: hello.wallOffsetNs }, parts: [] });
    stream.onClose(() => {
      this.sources.delete(streamId);
      this.relay.workerStreamEnded(streamId);
      if (this.sources.size === 0) for (const resolve of this.silences) resolve();
    });
    if (!this.relay.workerConnected(streamId)) return;
    stream.onMessage((message) => this.receive(streamId, message));
    stream.send({ ackedSeq: 0n });
  }

  /** Resolves when no worker is connected, or when the signal aborts. */
  async silence(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.silences.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (this.sources.size === 0 || signal.aborted) resolve();
    await promise;
    this.silences.delete(resolve);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.redial);
    clearImmediate(this.sending);
    for (const { stream } of this.sources.values()) stream.end();
    this.sources.clear();
    this.manager?.end();
  }

  /** What is kept of a request and its answer as they were; undefined: nothing. */
  private answerOf(record: RawRecord, requestBody: Uint8Array | undefined): RawAnswer | undefined {
    const { stamps: reads, payload, contentType, responseHeaders } = record;
    if (!this.keepsAnswers) return this.isTraced ? { reads, payload: noBytes } : undefined;
    const typeAlone = contentType === "" ? undefined : JSON.stringify({ "content-type": contentType });
    const headers = responseHeaders ?? typeAlone;
    return {
      reads,
      payload: this.secrets.maskBytes(payload),
      requestBody,
      responseHeaders: headers && this.secrets.mask(headers),
    };
  }

  private receive(streamId: number, message: Buffer): void {
    const source = this.sources.get(streamId);
    if (source === undefined) return;
    if (isBatch(message)) {
      const { seq, records } = readRecordBatch(message, source.origin);
      if (this.relay.batchReceived(streamId, seq)) this.forward(streamId, source, seq, records);
      return;
    }
    const { message: other } = readMessage(ProcessRecordsRequestSchema, message);
    if (other.case === "part") this.receivePart(streamId, source, other.value);
    else throw new AssayError("invalid_argument", `a ${other.case ?? "message"} may not come here`);
  }

  private receivePart(streamId: number, source: Source, part: RecordPart): void {
    const creditId = Number(part.creditId);
    if (this.relay.partReceived(streamId, { creditId, seq: part.seq, isLast: false }) === "broken") return;
    if (part.seq === 0) source.parts = [];
    source.parts.push(part.data);
  }

  private forward(
    streamId: number,
    source: Source,
    workerSeq: number,
    records: ReturnType<typeof readRecordBatch>["records"],
  ): void {
    // A large answer that is kept is cut to what a message holds by itself.
    if (records.some(({ parts }) => parts > 0)) this.sendBatch();
    const batch = this.openBatch();
    for (const { record: received, parts } of records) {
      const whole = parts === 0 ? received : this.join(streamId, source, received, parts);
      const { record, requestBody } = withoutRequestBody(whole);
      const measured = this.measurer.measure(record);
      if (measured.error !== undefined) this.failed++;
      const raw = this.answerOf(record, requestBody);
      batch.add(measured, this.options.memberId, raw && fittedRaw(raw, measured.contentStamps.length));
    }
    this.measured += records.length;
    this.relay.batchForwarded(streamId, workerSeq, this.managerSeq);
    if (batch.sizeBytes >= batchBytes) this.sendBatch();
  }

  private openBatch(): MetricBatchWriter {
    if (this.batch === undefined) {
      this.batch = new MetricBatchWriter(this.buffers.take());
      this.managerSeq++;
      this.sending = setImmediate(() => this.sendBatch());
    }
    return this.batch;
  }

  private sendBatch(): void {
    clearImmediate(this.sending);
    const { batch } = this;
    if (batch === undefined) return;
    this.batch = undefined;
    const message = batch.finish(this.managerSeq);
    const hasRoom = this.manager?.send(message);
    this.buffers.sent(this.managerSeq, message);
    if (hasRoom === false) for (const { stream } of this.sources.values()) stream.pause();
  }

  /** A record whose payload came in parts before it. */
  private join(streamId: number, source: Source, record: RawRecord, parts: number): RawRecord {
    const pieces = source.parts;
    source.parts = [];
    if (pieces.length !== parts) {
      throw new AssayError(
        "invalid_argument",
        `credit ${record.creditId}: ${pieces.length} parts of its payload came, not ${parts}`,
      );
    }
    if (this.relay.partReceived(streamId, { creditId: record.creditId, seq: parts, isLast: true }) !== "complete") {
      throw new AssayError("invalid_argument", `credit ${record.creditId}: the parts of another payload came before it`);
    }
    return { ...record, payload: Buffer.concat([...pieces, record.payload]) };
  }

  private dial(): void {
    if (this.isClosed) return;
    const { runId, memberId, shard, log } = this.options;
    const stream = this.options.dial();
    this.managerSeq = 0;
    const hello = { protocolVersion, runId, memberId, shard, tags: recordMetrics.map(({ tag }) => tag) };
    const first = create(IngestRecordsRequestSchema, { message: { case: "hello", value: hello } });
    stream.send(toBinary(IngestRecordsRequestSchema, first));
    stream.onMessage(({ ackedSeq }) => {
      this.backoffMs = firstBackoffMs;
      // The manager answers a hello with an ack of nothing.
      if (ackedSeq === 0n) {
        this.manager = stream;
        this.relay.managerConnected();
        this.opened.resolve();
      } else {
        this.buffers.acked(Number(ackedSeq));
        this.relay.managerAcked(Number(ackedSeq));
      }
    });
    stream.onDrain(() => {
      for (const source of this.sources.values()) source.stream.resume();
    });
    stream.onClose((error) => {
      if (this.manager === stream) this.manager = undefined;
      this.batch = undefined;
      this.buffers.lost();
      this.relay.managerStreamEnded();
      if (this.isClosed) return;
      log.debug("the stream to the records-manager ended; dialling again", { error: error?.message });
      this.redial = setTimeout(() => this.dial(), this.backoffMs);
      this.backoffMs = Math.min(this.backoffMs * 2, lastBackoffMs);
    });
  }

  private endSource(streamId: number, reason: string): void {
    const source = this.sources.get(streamId);
    this.sources.delete(streamId);
    source?.stream.fail(new AssayError("unavailable", reason));
  }
}

/**
 * A measurer for a spec's endpoint.
 * @throws `invalid_argument` for an endpoint that there is not
 */
export function createMeasurer(
  spec: RunSpec,
  { counters, checker, endpoints = builtInEndpoints }: Pick<ProcessorRunOptions, "counters" | "checker" | "endpoints">,
): Measurer {
  const checksUsage = spec.tokenizer?.checkUsage ?? false;
  const secrets = secretsOf(spec);
  const mask = (message: string): string => secrets.mask(message);
  return new Measurer({ endpoint: endpointOf(spec.endpoint, endpoints), checksUsage, checker, mask, ...counters });
}
