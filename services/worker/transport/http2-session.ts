/** HTTP/2 on one socket, as a client has it (RFC 9113): its streams, windows, settings and pings. */
import type { Socket } from "node:net";
import type { MonotonicNs } from "../../common/clock.ts";
import { FrameReader, type FrameSink } from "../core/http2/frame-reader.ts";
import { errorCode, maxStreamId, maxWindowBytes, setting, usualFrameBytes, usualWindowBytes } from "../core/http2/frames.ts";
import { type DecodedHeaders, HeaderDecoder } from "../core/http2/hpack-decoder.ts";
import { HeaderEncoder, type HeaderPairs } from "../core/http2/hpack-encoder.ts";
import { HpackError } from "../core/http2/hpack-fields.ts";
import { Http2Writer } from "./http2-writer.ts";

/** The protocol's own 64 KiB make a fast target wait for every turn of a busy loop. */
const streamWindowBytes = 4 << 20;
const connectionWindowBytes = 64 << 20;
/** A target that takes more in one frame is not given more: others have their turn in between. */
const maxFrameBytes = 1 << 20;
const settings = [
  [setting.enablePush, 0],
  [setting.initialWindowSize, streamWindowBytes],
] as const;

/** Told what happens to one stream. `onSent`, then the others; nothing after `onEnd`, `onReset` and `onRefused`. */
export interface StreamHandler {
  /** It was written, as far as the target's windows let it. */
  onSent(atNs: MonotonicNs): void;
  /** The kernel has all that was given so far. */
  onWritten(atNs: MonotonicNs): void;
  /** Of the answer, and once more of its trailers, which have no status. */
  onHeaders(atNs: MonotonicNs, headers: DecodedHeaders): void;
  /** `bytes[start, end)` is valid during the call only. */
  onData(atNs: MonotonicNs, bytes: Buffer, start: number, end: number): void;
  onEnd(atNs: MonotonicNs): void;
  onReset(atNs: MonotonicNs, code: number): void;
  /** The target leaves the connection and has not looked at the request. */
  onRefused(atNs: MonotonicNs): void;
}

/** Told what happens to all of it. */
export interface SessionHandler {
  /** The target's settings are known. @param maxStreams how many requests it takes at once; undefined: it has not said */
  onSettings(maxStreams: number | undefined): void;
  /** The target takes no further request; those that it has not looked at are told by `onRefused`, afterwards. @param words of the target, where it has a complaint */
  onGoaway(words: string | undefined): void;
  /** What the target says is not HTTP/2. The socket is of no use any more. */
  onWrong(atNs: MonotonicNs, message: string): void;
}

/** One request on its way. */
export class Http2Stream {
  readonly id: number;
  readonly handler: StreamHandler;
  /** Bytes that the target takes. */
  sendWindow: number;
  /** What its windows have not let through. */
  readonly waiting: Buffer[] = [];
  /** No more bytes of the body will be given. */
  readonly isWhole: boolean;
  isAnswered = false;
  /** Bytes read since the target was last told. */
  unsaidBytes = 0;

  constructor(id: number, handler: StreamHandler, sendWindow: number, isWhole: boolean) {
    this.id = id;
    this.handler = handler;
    this.sendWindow = sendWindow;
    this.isWhole = isWhole;
  }
}

export class Http2Session implements FrameSink<Buffer> {
  private readonly out: Http2Writer;
  private readonly handler: SessionHandler;
  private readonly reader: FrameReader<Buffer> = new FrameReader(this);
  private readonly decoder = new HeaderDecoder();
  private readonly encoder = new HeaderEncoder();
  private readonly streams = new Map<number, Http2Stream>();
  private nextId = 1;
  /** Of the whole connection, and of a stream that begins. */
  private sendWindow = usualWindowBytes;
  private initialWindow = usualWindowBytes;
  private unsaidBytes = 0;
  /** Streams with bytes that wait for a window, in order. */
  private readonly blocked = new Set<Http2Stream>();
  private readonly pings: (() => void)[] = [];
  private heardNs: MonotonicNs = 0;
  /** The target has said that it takes no further request. */
  private isLeft = false;
  private isOver = false;

  /** @param socket which may still be connecting: `begin` is for when it stands */
  constructor(socket: Socket, handler: SessionHandler) {
    this.out = new Http2Writer(socket, usualFrameBytes);
    this.handler = handler;
  }

  /** The ids of streams are used up. */
  get isExhausted(): boolean {
    return this.nextId > maxStreamId;
  }

  /** Says the first word. */
  begin(): void {
    this.out.begin(settings);
    this.out.window(0, connectionWindowBytes - usualWindowBytes);
  }

  /** What the socket has said. */
  read(atNs: MonotonicNs, bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    this.heardNs = atNs;
    this.reader.feed(bytes, start, end);
    const { wrong } = this.reader;
    if (wrong === undefined || this.isOver) return;
    this.close(wrong.code);
    this.handler.onWrong(atNs, wrong.message);
  }

  /**
   * Begins a stream.
   * @param body undefined: there is none
   * @param goesOn `more` adds to the body
   */
  request(
    handler: StreamHandler,
    { shared, own }: { readonly shared: HeaderPairs; readonly own: HeaderPairs },
    body: Buffer | undefined,
    goesOn: boolean,
  ): Http2Stream {
    this.out.relieve();
    const stream = new Http2Stream(this.nextId, handler, this.initialWindow, !goesOn);
    this.nextId += 2;
    this.streams.set(stream.id, stream);
    const isBare = body === undefined || (body.length === 0 && !goesOn);
    this.out.headers(stream.id, this.encoder.encode(shared, own), isBare);
    this.out.sends(stream);
    if (isBare) this.out.hasGiven(stream);
    else this.give(stream, body);
    return stream;
  }

  /** Adds to the body of a stream that goes on. */
  more(stream: Http2Stream, bytes: Buffer): void {
    if (this.streams.has(stream.id)) this.give(stream, bytes);
  }

  /** This side has no use for the rest of it; nothing more is told of it. */
  reset(stream: Http2Stream): void {
    if (this.forget(stream)) this.out.reset(stream.id);
  }

  /** Calls `then` at the answer. */
  ping(then: () => void): void {
    this.pings.push(then);
    this.out.ping();
  }

  /** Says that it is over, with a code of RFC 9113, and closes the socket. Nothing more is told. */
  close(code: number): void {
    if (this.isOver) return;
    this.out.close(code);
    this.isOver = true;
    this.streams.clear();
    this.blocked.clear();
  }

  onData(id: number, bytes: Buffer, start: number, end: number): void {
    const stream = this.find(id);
    if (stream === undefined) return;
    if (!stream.isAnswered) this.reader.fail(errorCode.protocol, "data comes before its headers");
    else stream.handler.onData(this.heardNs, bytes, start, end);
  }

  onDataEnd(id: number, sizeBytes: number, isLast: boolean): void {
    this.unsaidBytes += sizeBytes;
    if (this.unsaidBytes >= connectionWindowBytes / 2) {
      this.out.window(0, this.unsaidBytes);
      this.unsaidBytes = 0;
    }
    const stream = this.find(id);
    if (stream === undefined) return;
    if (isLast) {
      this.end(stream);
      return;
    }
    stream.unsaidBytes += sizeBytes;
    if (stream.unsaidBytes < streamWindowBytes / 2) return;
    this.out.window(id, stream.unsaidBytes);
    stream.unsaidBytes = 0;
  }

  onHeaders(id: number, block: Uint8Array, start: number, end: number, isLast: boolean): void {
    const decoded = this.decode(block, start, end);
    const stream = this.find(id);
    if (decoded === undefined || stream === undefined) return;
    const { status } = decoded;
    if (stream.isAnswered ? status !== 0 || !isLast : status === 0 || (status < 200 && isLast)) {
      this.reader.fail(errorCode.protocol, stream.isAnswered ? "trailers are not the end" : "an answer has no status");
      return;
    }
    // Of what is still to come: 100 and the like.
    if (!stream.isAnswered && status < 200) return;
    stream.isAnswered = true;
    stream.handler.onHeaders(this.heardNs, decoded);
    if (isLast && this.streams.has(id)) this.end(stream);
  }

  onReset(id: number, code: number): void {
    const stream = this.find(id);
    if (stream === undefined) return;
    this.forget(stream);
    if (this.isLeft && code === errorCode.refusedStream) stream.handler.onRefused(this.heardNs);
    else stream.handler.onReset(this.heardNs, code);
  }

  onSettings(pairs: readonly (readonly [number, number])[]): void {
    let maxStreams: number | undefined;
    for (const [id, value] of pairs) {
      if (id === setting.headerTableSize) this.encoder.limit(value);
      else if (id === setting.maxConcurrentStreams) maxStreams = value;
      else if (id === setting.initialWindowSize) this.moveWindows(value);
      else if (id === setting.maxFrameSize) {
        if (value < usualFrameBytes || value > 0xff_ffff) this.reader.fail(errorCode.protocol, `frames may have ${value} bytes`);
        this.out.frameBytes = Math.min(value, maxFrameBytes);
      }
    }
    if (this.reader.wrong !== undefined) return;
    if (!this.out.answerSettings()) this.neverReads();
    this.handler.onSettings(maxStreams);
    this.giveBlocked();
  }

  onSettingsAck(): void {}

  onPing(payload: Uint8Array, isAck: boolean): void {
    if (isAck) this.pings.shift()?.();
    else if (!this.out.answerPing(payload)) this.neverReads();
  }

  onGoaway(lastId: number, code: number, words: string): void {
    this.isLeft = true;
    this.handler.onGoaway(code === errorCode.none ? undefined : `it left with code ${code} ${words}`.trimEnd());
    for (const stream of [...this.streams.values()]) {
      if (stream.id > lastId && this.forget(stream)) stream.handler.onRefused(this.heardNs);
    }
  }

  onWindow(id: number, addedBytes: number): void {
    if (id === 0) {
      this.sendWindow += addedBytes;
      if (this.sendWindow > maxWindowBytes) this.reader.fail(errorCode.flowControl, "its window is too large");
    } else {
      const stream = this.find(id);
      if (stream === undefined) return;
      stream.sendWindow += addedBytes;
      if (stream.sendWindow > maxWindowBytes) this.reader.fail(errorCode.flowControl, "the window of a stream is too large");
    }
    this.giveBlocked();
  }

  /** Undefined: it is over. One that never began is against the protocol. */
  private find(id: number): Http2Stream | undefined {
    const stream = this.streams.get(id);
    if (stream === undefined && (id >= this.nextId || id % 2 === 0)) {
      this.reader.fail(errorCode.protocol, `there is no stream ${id}`);
    }
    return stream;
  }

  private decode(block: Uint8Array, start: number, end: number): DecodedHeaders | undefined {
    try {
      return this.decoder.decode(block, start, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      this.reader.fail(errorCode.compression, `its headers cannot be read: ${error.message}`);
      return undefined;
    }
  }

  /** The answer is whole. What is left of the request has nobody who waits for it. */
  private end(stream: Http2Stream): void {
    if (!stream.isAnswered) {
      this.reader.fail(errorCode.protocol, "an answer ends before its headers");
      return;
    }
    if (stream.isWhole && stream.waiting.length === 0) this.forget(stream);
    else this.reset(stream);
    stream.handler.onEnd(this.heardNs);
  }

  private neverReads(): void {
    this.reader.fail(errorCode.enhanceYourCalm, "it asks and does not read");
  }

  private forget(stream: Http2Stream): boolean {
    this.blocked.delete(stream);
    stream.waiting.length = 0;
    return this.streams.delete(stream.id);
  }

  private moveWindows(sizeBytes: number): void {
    if (sizeBytes > maxWindowBytes) {
      this.reader.fail(errorCode.flowControl, "its window is too large");
      return;
    }
    const change = sizeBytes - this.initialWindow;
    this.initialWindow = sizeBytes;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindowBytes) this.reader.fail(errorCode.flowControl, "the window of a stream is too large");
    }
  }

  /** Hands bytes of a body on, as far as the windows let them. */
  private give(stream: Http2Stream, bytes: Buffer): void {
    const isBehind = stream.waiting.length > 0;
    stream.waiting.push(bytes);
    if (!isBehind) this.giveWaiting(stream);
  }

  private giveBlocked(): void {
    for (const stream of this.blocked) {
      if (this.sendWindow <= 0) return;
      if (stream.sendWindow > 0) this.giveWaiting(stream);
    }
  }

  private giveWaiting(stream: Http2Stream): void {
    const { waiting } = stream;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      // A window may have shrunk below what was sent already.
      const room = Math.max(0, Math.min(this.sendWindow, stream.sendWindow, this.out.frameBytes));
      if (room === 0 && first.length > 0) {
        this.blocked.add(stream);
        return;
      }
      const piece = first.length <= room ? first : first.subarray(0, room);
      if (piece === first) waiting.shift();
      else waiting[0] = first.subarray(room);
      this.sendWindow -= piece.length;
      stream.sendWindow -= piece.length;
      this.out.data(stream.id, piece, stream.isWhole && waiting.length === 0);
    }
    this.blocked.delete(stream);
    this.out.hasGiven(stream);
  }
}
