/** A client of HTTP/2 that opens as many calls as it likes, whatever the server has said that it takes. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FrameReader } from "../../services/worker/core/http2/frame-reader.ts";
import { frameFlag, frameHeadBytes, frameType, preface, putFrameHead, setting } from "../../services/worker/core/http2/frames.ts";
import { HeaderEncoder } from "../../services/worker/core/http2/hpack-encoder.ts";

export class GreedyClient {
  /** Codes of the streams that the server has reset. */
  readonly resets = new Map<number, number>();
  /** Code with which the server has ended the connection; undefined: it has not. */
  goaway: number | undefined;
  /** What the server says that it takes. */
  maxStreams: number | undefined;
  readonly #socket: Socket;
  readonly #headers = new HeaderEncoder();
  #lastStream = -1;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1" }).on("error", () => {});
    const reader = new FrameReader<Buffer>({
      onData: () => {},
      onDataEnd: () => {},
      onHeaders: () => {},
      onReset: (stream, code) => void this.resets.set(stream, code),
      onSettings: (pairs) => {
        this.maxStreams = pairs.find(([id]) => id === setting.maxConcurrentStreams)?.[1];
      },
      onSettingsAck: () => {},
      onPing: () => {},
      onGoaway: (_last, code) => {
        this.goaway = code;
      },
      onWindow: () => {},
    });
    this.#socket.on("data", (bytes: Buffer) => reader.feed(bytes, 0, bytes.length));
    this.#socket.write(preface);
    this.#send({ type: frameType.settings });
  }

  get isClosed(): boolean {
    return this.#socket.closed;
  }

  /** The server's settings hold from now on: it may insist on them. */
  acknowledge(): void {
    this.#send({ type: frameType.settings, flags: frameFlag.ack });
  }

  /** One more call, whose request never ends; returns its stream. */
  open(path: string): number {
    this.#lastStream += 2;
    const fields = [":method", "POST", ":scheme", "http", ":path", path, ":authority", "localhost", "te", "trailers"];
    const block = this.#headers.encode([], [...fields, "content-type", "application/grpc"]);
    this.#send({ type: frameType.headers, flags: frameFlag.endHeaders, stream: this.#lastStream }, block);
    return this.#lastStream;
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, "close");
  }

  #send(head: Parameters<typeof putFrameHead>[3], payload: Uint8Array = new Uint8Array(0)): void {
    const bytes = Buffer.alloc(frameHeadBytes + payload.length);
    putFrameHead(bytes, 0, payload.length, head);
    bytes.set(payload, frameHeadBytes);
    this.#socket.write(bytes);
  }
}
