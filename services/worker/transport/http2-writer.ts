/**
 * What goes out on a connection of HTTP/2: frames are held until the end of the callback that they were written in, leave in one write,
 * and are stamped then.
 */
import type { Socket } from "node:net";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { errorCode, frameFlag, frameHeadBytes, frameType, preface, putFrameHead, putUint32 } from "../core/http2/frames.ts";
import { whenWritten } from "./written.ts";

/** Whose frames they are. */
export interface Outgoing {
  readonly handler: {
    onSent(atNs: MonotonicNs): void;
    onWritten(atNs: MonotonicNs): void;
  };
}

/** A burst does not wait until all of it is written. */
const maxHeldBytes = 16 * 1024;
/** What a target may ask for without reading the answers. */
const maxUnreadAnswers = 1000;

export class Http2Writer {
  /** No more than this of a payload in one frame. */
  frameBytes: number;
  private readonly socket: Socket;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private isFlushDue = false;
  /** Since the last write. */
  private unsent: Outgoing[] = [];
  private unwritten: Outgoing[] = [];
  private unreadAnswers = 0;
  private isOver = false;

  constructor(socket: Socket, frameBytes: number) {
    this.socket = socket;
    this.frameBytes = frameBytes;
  }

  /** The first word. @param settings pairs of identifier and value */
  begin(settings: readonly (readonly [number, number])[]): void {
    const frame = Buffer.allocUnsafe(frameHeadBytes + settings.length * 6);
    let at = putFrameHead(frame, 0, settings.length * 6, { type: frameType.settings });
    for (const [id, value] of settings) {
      frame[at] = 0;
      frame[at + 1] = id;
      at = putUint32(frame, at + 2, value);
    }
    this.put(Buffer.from(preface, "latin1"));
    this.put(frame);
  }

  /** Before more is written. */
  relieve(): void {
    if (this.heldBytes > maxHeldBytes) this.flush();
  }

  /** Is told with the next write that it went out. */
  sends(stream: Outgoing): void {
    this.unsent.push(stream);
  }

  /** Is told once the next write is with the kernel. */
  hasGiven(stream: Outgoing): void {
    this.unwritten.push(stream);
  }

  headers(stream: number, block: Uint8Array, isLast: boolean): void {
    let start = 0;
    let type: number = frameType.headers;
    do {
      const end = Math.min(block.length, start + this.frameBytes);
      const frame = Buffer.allocUnsafe(frameHeadBytes + end - start);
      const first = isLast && type === frameType.headers ? frameFlag.endStream : 0;
      const flags = first | (end === block.length ? frameFlag.endHeaders : 0);
      frame.set(block.subarray(start, end), putFrameHead(frame, 0, end - start, { type, flags, stream }));
      this.put(frame);
      type = frameType.continuation;
      start = end;
    } while (start < block.length);
  }

  /** @param bytes not copied where there are many */
  data(stream: number, bytes: Buffer, isLast: boolean): void {
    const head = Buffer.allocUnsafe(frameHeadBytes);
    putFrameHead(head, 0, bytes.length, { type: frameType.data, flags: isLast ? frameFlag.endStream : 0, stream });
    this.put(head);
    this.put(bytes);
  }

  window(stream: number, addedBytes: number): void {
    this.putNumber(frameType.windowUpdate, stream, addedBytes);
  }

  reset(stream: number): void {
    this.putNumber(frameType.reset, stream, errorCode.cancel);
  }

  ping(): void {
    this.put(pingFrame(new Uint8Array(8), 0));
  }

  /** Returns false for a target that asks and asks, and never reads the answers. */
  answerPing(payload: Uint8Array): boolean {
    return this.answer(pingFrame(payload, frameFlag.ack));
  }

  /** Likewise. */
  answerSettings(): boolean {
    const frame = Buffer.allocUnsafe(frameHeadBytes);
    putFrameHead(frame, 0, 0, { type: frameType.settings, flags: frameFlag.ack });
    return this.answer(frame);
  }

  /** Says goodbye with a code of RFC 9113, and closes the socket. */
  close(code: number): void {
    const { socket } = this;
    const frame = Buffer.allocUnsafe(frameHeadBytes + 8);
    putUint32(frame, putUint32(frame, putFrameHead(frame, 0, 8, { type: frameType.goaway }), 0), code);
    this.put(frame);
    this.flush();
    this.isOver = true;
    // What the kernel does not take now the target does not read.
    if (socket.writableLength === 0) socket.destroySoon();
    else socket.destroy();
  }

  private putNumber(type: number, stream: number, value: number): void {
    const frame = Buffer.allocUnsafe(frameHeadBytes + 4);
    putUint32(frame, putFrameHead(frame, 0, 4, { type, stream }), value);
    this.put(frame);
  }

  private answer(frame: Buffer): boolean {
    if (++this.unreadAnswers > maxUnreadAnswers) return false;
    this.put(frame);
    return true;
  }

  private put(bytes: Buffer): void {
    if (this.isOver) return;
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    process.nextTick(() => this.flush());
  }

  private flush(): void {
    this.isFlushDue = false;
    const { held, heldBytes, unsent, unwritten, socket } = this;
    if (held.length === 0 || this.isOver) return;
    this.held = [];
    this.heldBytes = 0;
    this.unsent = [];
    this.unwritten = [];
    const atNs = monotonicNs();
    if (heldBytes <= maxHeldBytes) socket.write(Buffer.concat(held, heldBytes));
    else {
      socket.cork();
      for (const bytes of held) socket.write(bytes);
      socket.uncork();
    }
    for (const stream of unsent) stream.handler.onSent(atNs);
    if (socket.writableLength === 0) this.unreadAnswers = 0;
    if (unwritten.length === 0) return;
    whenWritten(socket, (writtenNs) => {
      this.unreadAnswers = 0;
      for (const stream of unwritten) stream.handler.onWritten(writtenNs);
    });
  }
}

function pingFrame(payload: Uint8Array, flags: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + 8);
  frame.set(payload, putFrameHead(frame, 0, 8, { type: frameType.ping, flags }));
  return frame;
}
