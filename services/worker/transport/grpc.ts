/**
 * Calls of gRPC over HTTP/2: the body of a request is one message, which is framed here. It has a call of its own, closed behind it, or
 * goes on one that is open (`grpc-slots.ts`). The status of a call is the end of its request; what comes back is handed on as messages in
 * their frames, never compressed. Answers that are not gRPC's, as proxies give them, are those of HTTP.
 */

import { compressedFrame } from "../../common/grpc-compression.ts";
import { CallHandler } from "./grpc-call.ts";
import { headersOfCalls } from "./grpc-headers.ts";
import { SlotStreams } from "./grpc-slots.ts";
import { createHttp2Transport } from "./http2.ts";
import type { ConnectionWatcher, GrpcOptions, TargetOptions, Transport } from "./transport.ts";

const usual: GrpcOptions = { streamPer: "request", compression: "none", deadlineSec: Number.POSITIVE_INFINITY, idHeaders: [] };

/** One transport for all targets of a run, whose origins are `grpc://` or `grpcs://`; `targets[i]` belongs to target index i. */
export function createGrpcTransport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Transport {
  const carrier = createHttp2Transport(
    targets.map((target) => ({ ...target, origin: target.origin.replace(/^grpc/, "http") })),
    watcher,
  );
  const options = targets[0]?.grpc ?? usual;
  const headers = headersOfCalls(options);
  const slots = options.streamPer === "slot" ? new SlotStreams(carrier, { ...options, headers }) : undefined;
  const { compression, deadlineSec } = options;
  return {
    ...carrier,
    send(request, handler) {
      if (slots !== undefined) return slots.send(request, handler);
      const call = new CallHandler(handler, compression, deadlineSec);
      const framed = { ...request, headers: headers(request.headers), body: compressedFrame(compression, request.body) };
      call.exchange = carrier.send(framed, call);
      return call.exchange;
    },
  };
}
