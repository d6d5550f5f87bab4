/** A worker's sender over gRPC in this process: credits made here, records discarded. */
import { create } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { monotonicNs } from "../../services/common/clock.ts";
import type { RequestBody } from "../../services/worker/bodies.ts";
import { createPath } from "../../services/worker/request-path.ts";
import { Sender } from "../../services/worker/sender.ts";
import { creditOf } from "./credit.ts";

export interface GrpcLoad {
  /** `grpc://host:port` */
  readonly url: string;
  /** A `ModelInferRequest`. */
  readonly message: Uint8Array;
  readonly isStreaming: boolean;
  readonly concurrency: number;
  readonly seconds: number;
  /** Default: a stream for each request. */
  readonly streamPer?: "request" | "slot";
}

/** What a client made of its time. */
export interface Client {
  readonly requests: number;
  readonly ratePerSec: number;
  /** CPU of the client per request. */
  readonly cpuUs: number;
}

const clock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };

/** Everything that a worker does for a request but for the streams to its peers. Throws where a request fails. */
export async function driveGrpc(load: GrpcLoad): Promise<Client> {
  const { url, message, isStreaming, concurrency, seconds, streamPer = "request" } = load;
  const target = { urls: [{ url }], grpc: { streamPer }, requestTimeoutSec: 60 };
  const endpoint = { type: "trtllm", streaming: isStreaming };
  const path = await createPath(create(RunSpecSchema, { models: ["m"], target, endpoint }));
  const body: RequestBody = {
    body: Buffer.from(message),
    model: "m",
    inputTokens: undefined,
    inputText: undefined,
    requestedOutputTokens: undefined,
    isStreaming,
    rowGroup: "",
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  let requests = 0;
  let failure = "";
  let running = concurrency;
  await path.transport.open(0, concurrency, AbortSignal.timeout(10_000));
  const before = process.cpuUsage();
  const startNs = monotonicNs();
  const endNs = startNs + seconds * 1e9;
  const sender = new Sender({
    ...path.sender,
    transport: path.transport,
    workerId: "bench",
    clock,
    wallOffsetNs: 0,
    onRecord: ({ error }) => {
      requests++;
      if (error !== undefined) failure = error.message;
    },
    onEnded: () => {
      if (monotonicNs() < endNs) sendNext();
      else if (--running === 0) resolve();
    },
  });
  let nextId = 1;
  const sendNext = (): void => sender.send(creditOf(nextId++), body, undefined);
  for (let index = 0; index < concurrency; index++) sendNext();
  await promise;
  const elapsedNs = monotonicNs() - startNs;
  const { user, system } = process.cpuUsage(before);
  await path.transport.close();
  if (failure !== "") throw new Error(`a request to ${url} failed: ${failure}`);
  return { requests, ratePerSec: requests / (elapsedNs / 1e9), cpuUs: (user + system) / requests };
}
