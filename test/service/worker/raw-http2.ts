/** A server of HTTP/2 whose frames are written by the test, byte for byte. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { FrameReader, type FrameSink } from "../../../services/worker/core/http2/frame-reader.ts";
import {
  frameFlag,
  frameHeadBytes,
  frameType,
  preface,
  putFrameHead,
  putUint32,
} from "../../../services/worker/core/http2/frames.ts";
import type { Harness } from "../rpc/harness.ts";

/** `:status: 200` of the static table. */
export const ok = Buffer.of(0x88);

export function frame(type: number, payload: Uint8Array | readonly number[] = [], { stream = 0, flags = 0 } = {}): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  putFrameHead(head, 0, payload.length, { type, flags, stream });
  return Buffer.concat([head, Buffer.from(payload)]);
}

/** Numbers of 4 bytes each. */
export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) putUint32(bytes, 4 * index, value);
  return bytes;
}

export function settingsOf(pairs: Readonly<Record<number, number>> = {}): Buffer {
  return frame(
    frameType.settings,
    Buffer.concat(Object.entries(pairs).map(([id, value]) => Buffer.concat([Buffer.of(0, Number(id)), words(value)]))),
  );
}

export function headersOf(stream: number, isLast = false, block: Uint8Array = ok): Buffer {
  return frame(frameType.headers, block, { stream, flags: frameFlag.endHeaders | (isLast ? frameFlag.endStream : 0) });
}

export function dataOf(stream: number, text: string | Uint8Array, isLast = false): Buffer {
  return frame(frameType.data, Buffer.from(text as string), { stream, flags: isLast ? frameFlag.endStream : 0 });
}

export const resetOf = (stream: number, code: number) => frame(frameType.reset, words(code), { stream });
export const windowOf = (stream: number, bytes: number) => frame(frameType.windowUpdate, words(bytes), { stream });

/** Fields whose names and values are written out, kept by nobody. */
export function literals(...pairs: string[]): Buffer {
  return Buffer.concat(
    pairs.flatMap((text, index) => [
      Buffer.from(index % 2 === 0 ? [0, text.length] : [text.length]),
      Buffer.from(text, "latin1"),
    ]),
  );
}

export interface RawConnection {
  readonly socket: Socket;
  /** Connections before it. */
  readonly nth: number;
  write(...frames: readonly Uint8Array[]): void;
}

/** What a client did; what is absent is not looked at. */
export interface RawScript {
  /** Its first word, after the client's; by default settings of nothing. */
  begin?(connection: RawConnection): void;
  /** A block of headers has come. @param isLast it has no body */
  onRequest?(stream: number, connection: RawConnection, isLast: boolean): void;
  onData?(stream: number, sizeBytes: number, isLast: boolean, connection: RawConnection): void;
  onReset?(stream: number, code: number): void;
  onWindow?(stream: number, addedBytes: number): void;
  onSettings?(pairs: readonly (readonly [number, number])[]): void;
  onGoaway?(code: number): void;
  /** It is not answered. */
  onPing?(connection: RawConnection): void;
  /** Nothing that a client says is read after its first word. */
  readonly isDeaf?: boolean;
}

export interface RawServer {
  readonly origin: string;
  readonly open: ReadonlySet<Socket>;
  /** What clients said that is no HTTP/2. */
  readonly wrong: string[];
}

/** Closed by the harness. */
export async function serveRaw(harness: Harness, script: RawScript): Promise<RawServer> {
  const open = new Set<Socket>();
  const wrong: string[] = [];
  let accepted = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    const connection: RawConnection = {
      socket,
      nth: accepted++,
      write: (...frames) => void (socket.destroyed || socket.write(Buffer.concat(frames))),
    };
    const reader = new FrameReader<Buffer>(sinkOf(script, connection));
    let first = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      if (first.length < preface.length) {
        first = Buffer.concat([first, bytes]);
        if (first.length < preface.length) return;
        if (first.toString("latin1", 0, preface.length) !== preface) wrong.push("its first word is none");
        if (script.begin === undefined) connection.write(settingsOf());
        else script.begin(connection);
        if (script.isDeaf) {
          socket.pause();
          return;
        }
        bytes = first.subarray(preface.length);
      }
      reader.feed(bytes, 0, bytes.length);
      if (reader.wrong !== undefined) wrong.push(reader.wrong.message);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  harness.onClose(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open, wrong };
}

function sinkOf(script: RawScript, connection: RawConnection): FrameSink<Buffer> {
  return {
    onData: () => {},
    onDataEnd: (stream, sizeBytes, isLast) => script.onData?.(stream, sizeBytes, isLast, connection),
    onHeaders: (stream, _block, _start, _end, isLast) => script.onRequest?.(stream, connection, isLast),
    onReset: (stream, code) => script.onReset?.(stream, code),
    onSettings: (pairs) => {
      connection.write(frame(frameType.settings, [], { flags: frameFlag.ack }));
      script.onSettings?.(pairs);
    },
    onSettingsAck: () => {},
    onPing: () => script.onPing?.(connection),
    onGoaway: (_last, code) => script.onGoaway?.(code),
    onWindow: (stream, addedBytes) => script.onWindow?.(stream, addedBytes),
  };
}
