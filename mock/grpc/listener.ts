/** The gRPC port: HTTP/2 in clear or in TLS, its calls, and what they carry. */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { GRPCInferenceService } from "../../gen/inference/inference_service_pb.js";
import { frameOf } from "../../services/common/grpc-frames.ts";
import { listenOn } from "../listen.ts";
import type { MockTls } from "../tls.ts";
import { StreamCaller, UnaryCaller } from "./infer-caller.ts";
import { type InferenceService, readInferRequest, type UnaryHandler } from "./inference-service.ts";
import { type CallEncoding, encodingOf, MessageReader } from "./message-reader.ts";
import { describesServices, ReflectionService } from "./reflection-service.ts";
import { isGrpc, Rpc, unknownMethod } from "./rpc.ts";
import { type GrpcStatus, isStatus, ok, status } from "./status.ts";

const windowBytes = 4 * 1024 * 1024;
const maxCallsPerConnection = 65_536;
/** So much of the calls of a connection is held by HTTP/2 itself, in MB; calls beyond are refused. */
const maxSessionMemory = 4096;
/** Requests of one stream that are under way at most; further ones are not read before. */
const maxOpenRequests = 4096;

export interface GrpcListenerDeps {
  readonly service: InferenceService;
  /** The largest message that is taken. */
  readonly maxMessageBytes: number;
  /** Undefined: in clear. */
  readonly tls: MockTls | undefined;
  /** Whether a call of the inference service shows a key that is asked for, by its `authorization`. */
  hasKey(authorization: string | undefined): boolean;
  /** A call has been refused for want of a key. */
  refused(): void;
}

const servicePath = `/${GRPCInferenceService.typeName}/`;
const inferPath = `${servicePath}ModelInfer`;
const streamPath = `${servicePath}ModelStreamInfer`;

export class GrpcListener {
  readonly #deps: GrpcListenerDeps;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #reflection = new ReflectionService();

  constructor(deps: GrpcListenerDeps) {
    this.#deps = deps;
    const settings = { initialWindowSize: windowBytes, maxConcurrentStreams: maxCallsPerConnection };
    const options = { settings, maxSessionMemory };
    this.#server = deps.tls === undefined ? createServer(options) : createSecureServer({ ...options, ...deps.tls });
    this.#server.on("session", (session) => {
      session.setLocalWindowSize(windowBytes);
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.on("error", () => {}); // a reset; 'close' follows and ends the calls
    });
    this.#server.on("sessionError", () => {});
    this.#server.on("stream", (stream, headers) => this.#opened(stream, headers));
  }

  /** Connections that are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Resolves with the port; rejects with the system's error. */
  listen(port: number, host: string): Promise<number> {
    return listenOn(this.#server, port, host);
  }

  /** Closes the port and cuts the connections; resolves when all are closed. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  #opened(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => {}); // a reset; 'close' follows and ends the call
    if (headers[":method"] !== "POST" || !isGrpc(headers["content-type"])) {
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const encoding = encodingOf(headers);
    const path = headers[":path"] ?? "";
    const call = { stream, rpc: new Rpc(stream, isStatus(encoding) ? "none" : encoding.ofAnswer), encoding };
    const { authorization } = headers;
    if (isStatus(encoding)) this.#refuse(call, encoding);
    else if (path.startsWith(servicePath) && !this.#deps.hasKey(authorization)) {
      this.#deps.refused();
      this.#refuse(call, status("unauthenticated", authorization === undefined ? "a key is needed" : "the key is wrong"));
    } else this.#begin({ ...call, encoding }, path, headers);
  }

  #refuse({ stream, rpc }: Pick<Call, "stream" | "rpc">, why: GrpcStatus): void {
    stream.resume();
    rpc.end(why);
  }

  #begin(call: Call, path: string, headers: IncomingHttpHeaders): void {
    if (path === inferPath) this.#unaryInfer(call);
    else if (path === streamPath) this.#streamInfer(call, headers.triton_grpc_error === "true");
    else if (describesServices(path)) this.#describe(call, path);
    else this.#unary(call, this.#deps.service.unary.get(path));
  }

  #unary(call: Call, handle: UnaryHandler | undefined): void {
    const { rpc } = call;
    if (handle === undefined) {
      this.#refuse(call, unknownMethod);
      return;
    }
    this.#onMessage(call, (message) => {
      const answer = handle(message);
      if (isStatus(answer)) rpc.end(answer);
      else rpc.end(ok, frameOf(false, answer));
    });
  }

  /** Reflection: each question is answered as it comes. */
  #describe(call: Call, path: string): void {
    const { stream, rpc } = call;
    rpc.sendHeaders();
    this.#onMessages(call, (message) => {
      const answer = this.#reflection.answer(path, message);
      if (isStatus(answer)) rpc.end(answer);
      else rpc.write(frameOf(false, answer));
    });
    stream.once("end", () => rpc.end(ok));
  }

  #unaryInfer(call: Call): void {
    const { stream, rpc } = call;
    const caller = new UnaryCaller(rpc);
    stream.once("close", () => caller.gone());
    this.#onMessage(call, (message) => {
      const request = readInferRequest(message);
      if (isStatus(request)) rpc.end(request);
      else this.#deps.service.infer(request, caller);
    });
  }

  #streamInfer(call: Call, isStrict: boolean): void {
    const { stream, rpc } = call;
    const open = new Set<StreamCaller>();
    let isHalfClosed = false;
    const over = (caller: StreamCaller): void => {
      open.delete(caller);
      if (isHalfClosed && open.size === 0) rpc.end(ok);
      if (stream.isPaused() && open.size < maxOpenRequests) stream.resume();
    };
    rpc.sendHeaders();
    this.#onMessages(call, (message) => {
      const request = readInferRequest(message);
      if (isStatus(request)) {
        rpc.end(request);
        return;
      }
      const caller = new StreamCaller(rpc, request.id, isStrict, over);
      open.add(caller);
      this.#deps.service.infer(request, caller);
      if (open.size >= maxOpenRequests) stream.pause();
    });
    stream.once("end", () => {
      isHalfClosed = true;
      if (open.size === 0) rpc.end(ok);
    });
    stream.once("close", () => {
      for (const caller of open) caller.gone();
    });
  }

  /** Hands on the one message of a call. */
  #onMessage(call: Call, take: (message: Buffer) => void): void {
    const { stream, rpc } = call;
    let messages = 0;
    this.#onMessages(call, (message) => {
      if (messages++ === 0) take(message);
      else rpc.end(status("unimplemented", "this call takes one message"));
    });
    stream.once("end", () => {
      if (messages === 0) rpc.end(status("unimplemented", "this call takes one message, got none"));
    });
  }

  #onMessages({ stream, rpc, encoding }: Call, take: (message: Buffer) => void): void {
    const reader = new MessageReader(this.#deps.maxMessageBytes, encoding.encoding);
    stream.on("data", (bytes: Buffer) => {
      if (rpc.isOver) return;
      const messages = reader.feed(bytes);
      if (isStatus(messages)) rpc.end(messages);
      else for (const message of messages) if (!rpc.isOver) take(message);
    });
    stream.once("end", () => {
      if (reader.isInside) rpc.end(status("internal", "the call ended inside a message"));
    });
  }
}

/** A call that has begun. */
interface Call {
  readonly stream: ServerHttp2Stream;
  readonly rpc: Rpc;
  readonly encoding: CallEncoding;
}
