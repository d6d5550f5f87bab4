/** gRPC calls written frame by frame, also such as no client would make. */
import http2 from "node:http2";

const shownBytes = 200;

/** What the caller does behind its messages. */
export type Ending = "half-close" | "cancel" | "deadline";

export interface WireCall {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Whole HTTP/2 data, one behind the other. */
  readonly frames: readonly Uint8Array[];
  readonly ending: Ending;
  readonly headers?: Readonly<Record<string, string>>;
  /** When it begins to read what comes. Default: at once. */
  readonly readsAfterMs?: number;
}

export interface WireOutcome {
  /** Of gRPC, or one of HTTP below 0; undefined: the caller cancelled, and no status came before. */
  readonly status: number | undefined;
  readonly message: string;
}

/** A connection of such calls. */
export class WireCaller {
  readonly #session: http2.ClientHttp2Session;
  readonly #token: string;
  #isClosed = false;

  constructor(address: string, token: string) {
    this.#session = http2.connect(`http://${address}`);
    // Each call says what became of it.
    this.#session.on("error", () => {});
    this.#token = token;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#session.destroyed && !this.#session.closed;
  }

  /** Resolves with the end of the call. Rejects, naming the call, where none comes within the time. */
  call(
    { path, frames, ending, headers = {}, readsAfterMs }: WireCall,
    withinMs: number,
    deadlineMs: number,
  ): Promise<WireOutcome> {
    const shown = `${path} (${ending} behind ${frames.map(hexOf).join(" ") || "nothing"})`;
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        authorization: `Bearer ${this.#token}`,
        "grpc-timeout": `${deadlineMs}m`,
        ...headers,
      });
      const timer = setTimeout(() => {
        reject(new Error(`waited ${withinMs / 1000} s for the end of ${shown}`));
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }, withinMs);
      let told: WireOutcome | undefined;
      const take = (given: http2.IncomingHttpHeaders): void => {
        const { ":status": http, "grpc-status": status, "grpc-message": message } = given;
        if (status !== undefined) told = { status: Number(status), message: decodeURIComponent(String(message ?? "")) };
        else if (Number(http ?? 200) !== 200) told = { status: -Number(http), message: "" };
      };
      stream.on("response", take).on("trailers", take);
      // The server's end; a caller that has not half-closed is still to do so.
      stream.on("end", () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
      stream.on("error", () => {});
      stream.on("close", () => {
        clearTimeout(timer);
        if (told !== undefined || ending === "cancel") resolve(told ?? { status: undefined, message: "" });
        else reject(new Error(`no status, but code ${stream.rstCode} of HTTP/2, ended ${shown}`));
      });
      if (readsAfterMs === undefined) stream.resume();
      else setTimeout(() => stream.resume(), readsAfterMs);
      for (const frame of frames) stream.write(frame);
      if (ending === "half-close") stream.end();
      else if (ending === "cancel") setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL));
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#session.destroy();
  }
}

function hexOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, shownBytes)).toString("hex");
  return bytes.length > shownBytes ? `${hex}… of ${bytes.length} bytes` : hex;
}

/** A gRPC message in its frame. @param length what the frame says that it has, if not what it has */
export function framed(bytes: Uint8Array, length = bytes.length, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head[0] = isCompressed ? 1 : 0;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
