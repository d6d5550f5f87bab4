/**
 * Runs the worker's own path hot before anything is measured: same sender, same endpoint, same encoder, against a target
 * inside this process. The code that the measured requests meet has then been compiled.
 */
import type { Endpoint, Modality } from "../../endpoints/endpoint.ts";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { monotonicNs } from "../common/clock.ts";
import type { Credit } from "../common/credits.ts";
import { RecordBatchWriter } from "../common/record-batch.ts";
import { sampleTurn, withMedia } from "../common/sample-turn.ts";
import type { BodyMaker } from "./bodies.ts";
import { startLoopback } from "./loopback.ts";
import type { PathOptions } from "./request-path.ts";
import { Sender } from "./sender.ts";
import type { TargetOptions, Transport } from "./transport/transport.ts";

export interface WarmUpOptions {
  /** 0: not at all. */
  readonly durationMs: number;
  readonly sender: PathOptions;
  readonly bodies: BodyMaker;
  /** Kinds of media that the run's turns have, as far as the spec tells. Default: none. */
  readonly media?: readonly Exclude<Modality, "text">[];
  readonly signal: AbortSignal;
  /** Makes a transport of the kind that the run's requests take. */
  transportTo(target: TargetOptions): Promise<Transport>;
}

const concurrency = 4;
const batchRecords = 64;
/** Of a medium as base64: a small picture. */
const mediaChars = 128 * 1024;
const inertClock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };

/** Resolves after the duration, when the signal aborts, or at once where no body can be made. Failures of the path show in the first measured request, not here. */
export async function warmUp({
  durationMs,
  sender: options,
  bodies,
  media = [],
  signal,
  transportTo,
}: WarmUpOptions): Promise<void> {
  if (durationMs <= 0) return;
  const turn = withMedia(warmTurn(options.endpoint), options.endpoint, media, mediaChars);
  const made = bodies.tryMake(turn, [], undefined);
  if ("error" in made) return;
  // What it does not need is not loaded.
  const start = options.endpoint.protocol === "grpc" ? (await import("./grpc-loopback.ts")).startGrpcLoopback : startLoopback;
  const loopback = await start(options.isStreaming);
  const transport = await transportTo({ origin: loopback.origin, connectTimeoutMs: 1000, isPooled: true });
  const endNs = monotonicNs() + durationMs * 1e6;
  const { promise, resolve } = Promise.withResolvers<void>();
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  let writer = new RecordBatchWriter(buffer);
  let nextId = 1;
  let running = concurrency;

  const sender = new Sender({
    ...options,
    hasOwnConnections: false,
    transport,
    workerId: "warm-up",
    clock: inertClock,
    wallOffsetNs: 0,
    onRecord: (record) => {
      writer.add(record);
      if (writer.count >= batchRecords) writer = new RecordBatchWriter(buffer);
    },
    onEnded: () => {
      if (monotonicNs() < endNs && !signal.aborted) setImmediate(sendNext);
      else if (--running === 0) resolve();
    },
  });
  const sendNext = (): void => {
    sender.send(warmCredit(nextId++), made.body, undefined);
  };
  for (let index = 0; index < concurrency; index++) sendNext();
  await promise;
  await transport.close();
  await loopback.close();
}

function warmCredit(id: number): Credit {
  return {
    id,
    phase: 0,
    conversation: 0,
    turn: 0,
    turns: 1,
    sessionId: id,
    countsTowardTarget: false,
    dueNs: 0,
    targetIndex: 0,
    index: id,
  };
}

/** No dataset has this conversation, so its body is never taken for a measured one's. */
const warmConversation = 2n ** 63n;

function warmTurn(endpoint: Endpoint): Turn {
  return sampleTurn(endpoint, { conversation: warmConversation, maxOutputTokens: 16, inputTokens: 1, model: "warm-up" });
}
