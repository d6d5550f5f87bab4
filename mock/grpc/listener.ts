/** The gRPC port: HTTP/2 in clear, its calls, and what they carry. */
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { GRPCInferenceService } from "../../gen/inference/inference_service_pb.js";
import { listenOn } from "../listen.ts";
import { StreamCaller, UnaryCaller } from "./infer-caller.ts";
import { type InferenceService, readInferRequest, type UnaryHandler } from "./inference-service.ts";
import { frame, MessageReader } from "./message-reader.ts";
import { isGrpc, Rpc, unknownMethod } from "./rpc.ts";
import { isStatus, ok, status } from "./status.ts";

const windowBytes = 4 * 1024 * 1024;
const maxCallsPerConnection = 65_536;
/** So much of the calls of a connection is held by HTTP/2 itself, in MB; calls beyond are refused. */
const maxSessionMemory = 4096;
/** Requests of one stream that are under way at most; further ones are not read before. */
const maxOpenRequests = 4096;

const inferPath = `/${GRPCInferenceService.typeName}/ModelInfer`;
const streamPath = `/${GRPCInferenceService.typeName}/ModelStreamInfer`;

export class GrpcListener {
  readonly #service: InferenceService;
  readonly #maxMessageBytes: number;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  /** `maxMessageBytes`: the largest message that is taken. */
  constructor(service: InferenceService, maxMessageBytes: number) {
    this.#service = service;
    this.#maxMessageBytes = maxMessageBytes;
    const settings = { initialWindowSize: windowBytes, maxConcurrentStreams: maxCallsPerConnection };
    this.#server = createServer({ settings, maxSessionMemory });
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
    const rpc = new Rpc(stream);
    const path = headers[":path"] ?? "";
    if (path === inferPath) this.#unaryInfer(stream, rpc);
    else if (path === streamPath) this.#streamInfer(stream, rpc, headers.triton_grpc_error === "true");
    else this.#unary(stream, rpc, this.#service.unary.get(path));
  }

  #unary(stream: ServerHttp2Stream, rpc: Rpc, handle: UnaryHandler | undefined): void {
    if (handle === undefined) {
      stream.resume();
      rpc.end(unknownMethod);
      return;
    }
    this.#onMessage(stream, rpc, (message) => {
      const answer = handle(message);
      if (isStatus(answer)) rpc.end(answer);
      else {
        const { bytes, at } = frame(answer.length);
        bytes.set(answer, at);
        rpc.end(ok, bytes);
      }
    });
  }

  #unaryInfer(stream: ServerHttp2Stream, rpc: Rpc): void {
    const caller = new UnaryCaller(rpc);
    stream.once("close", () => caller.gone());
    this.#onMessage(stream, rpc, (message) => {
      const request = readInferRequest(message);
      if (isStatus(request)) rpc.end(request);
      else this.#service.infer(request, caller);
    });
  }

  #streamInfer(stream: ServerHttp2Stream, rpc: Rpc, isStrict: boolean): void {
    const open = new Set<StreamCaller>();
    let isHalfClosed = false;
    const over = (caller: StreamCaller): void => {
      open.delete(caller);
      if (isHalfClosed && open.size === 0) rpc.end(ok);
      if (stream.isPaused() && open.size < maxOpenRequests) stream.resume();
    };
    rpc.sendHeaders();
    this.#onMessages(stream, rpc, (message) => {
      const request = readInferRequest(message);
      if (isStatus(request)) {
        rpc.end(request);
        return;
      }
      const caller = new StreamCaller(rpc, request.id, isStrict, over);
      open.add(caller);
      this.#service.infer(request, caller);
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
  #onMessage(stream: ServerHttp2Stream, rpc: Rpc, take: (message: Buffer) => void): void {
    let messages = 0;
    this.#onMessages(stream, rpc, (message) => {
      if (messages++ === 0) take(message);
      else rpc.end(status("unimplemented", "this call takes one message"));
    });
    stream.once("end", () => {
      if (messages === 0) rpc.end(status("unimplemented", "this call takes one message, got none"));
    });
  }

  #onMessages(stream: ServerHttp2Stream, rpc: Rpc, take: (message: Buffer) => void): void {
    const reader = new MessageReader(this.#maxMessageBytes);
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
