/**
 * Reads what a server of HTTP/2 says, cut anywhere. Payloads of DATA are handed on as they come, without a copy; other frames once they
 * are whole. What is against the protocol ends it: `wrong` says why, and nothing more is told. Pure.
 */
import { copyOf } from "../../../common/copy-of.ts";
import { errorCode, frameFlag, frameHeadBytes, frameType, maxStreamId, uint24At, uint32At, usualFrameBytes } from "./frames.ts";

/** `bytes[start, end)` is valid during the call only. */
export interface FrameSink<Bytes extends Uint8Array> {
  onData(stream: number, bytes: Bytes, start: number, end: number): void;
  /** A frame of DATA is over. @param sizeBytes of its payload, padding included: what flow control counts */
  onDataEnd(stream: number, sizeBytes: number, isLast: boolean): void;
  /** A whole block of headers, not decoded. */
  onHeaders(stream: number, block: Uint8Array, start: number, end: number, isLast: boolean): void;
  onReset(stream: number, code: number): void;
  /** Pairs of identifier and value. */
  onSettings(pairs: readonly (readonly [number, number])[]): void;
  onSettingsAck(): void;
  /** @param payload valid during the call only */
  onPing(payload: Uint8Array, isAck: boolean): void;
  onGoaway(lastStream: number, code: number, words: string): void;
  onWindow(stream: number, addedBytes: number): void;
}

/** Why a connection cannot go on. */
export interface ProtocolFault {
  /** As the other side is told. */
  readonly code: number;
  readonly message: string;
}

/** Of all frames of one block: a server that says more in its headers is not believed. */
const maxBlockBytes = 256 * 1024;
const noBytes = new Uint8Array(0);
const settingBytes = 6;
const priorityBytes = 5;

export class FrameReader<Bytes extends Uint8Array> {
  wrong: ProtocolFault | undefined;
  private readonly sink: FrameSink<Bytes>;
  private readonly head = new Uint8Array(frameHeadBytes);
  private headLength = 0;
  private type = 0;
  private flags = 0;
  private stream = 0;
  /** Of the payload; -1: the head is not whole yet. */
  private lengthBytes = -1;
  private doneBytes = 0;
  /** Of a frame of DATA: what its padding takes at its end; -1: not read yet. */
  private padBytes = 0;
  /** Of any other frame that came in pieces. */
  private partial = noBytes;
  /** Pieces of a block of headers that goes on in the next frame. */
  private block: Uint8Array[] = [];
  private blockStream = 0;
  private blockIsLast = false;
  private blockBytes = 0;
  private isFirst = true;

  constructor(sink: FrameSink<Bytes>) {
    this.sink = sink;
  }

  /** Reads `bytes[start, end)`. */
  feed(bytes: Bytes, start: number, end: number): void {
    let at = start;
    while (this.wrong === undefined && (at < end || this.lengthBytes === this.doneBytes)) {
      at = this.lengthBytes < 0 ? this.readHead(bytes, at, end) : this.readPayload(bytes, at, end);
    }
  }

  /** Nothing more is told, whatever comes. */
  fail(code: number, message: string): void {
    this.wrong ??= { code, message };
  }

  private readHead(bytes: Bytes, start: number, end: number): number {
    const { head } = this;
    const taken = Math.min(frameHeadBytes - this.headLength, end - start);
    let from: Uint8Array = bytes;
    let at = start;
    if (taken < frameHeadBytes) {
      head.set(bytes.subarray(start, start + taken), this.headLength);
      this.headLength += taken;
      if (this.headLength < frameHeadBytes) return end;
      from = head;
      at = 0;
    }
    this.headLength = 0;
    this.lengthBytes = uint24At(from, at);
    this.type = from[at + 3] ?? 0;
    this.flags = from[at + 4] ?? 0;
    this.stream = uint32At(from, at + 5) & maxStreamId;
    this.begin();
    return start + taken;
  }

  /** Looks at a head alone. */
  private begin(): void {
    const { type, flags, stream, lengthBytes } = this;
    this.doneBytes = 0;
    if (this.isFirst && (type !== frameType.settings || (flags & frameFlag.ack) !== 0)) {
      this.fail(errorCode.protocol, "it does not begin with its settings");
    } else if (lengthBytes > usualFrameBytes) this.fail(errorCode.frameSize, `a frame has ${lengthBytes} bytes`);
    else if (this.blockStream !== 0 && (type !== frameType.continuation || stream !== this.blockStream)) {
      this.fail(errorCode.protocol, "another frame is between those of one block of headers");
    } else if (type === frameType.data) {
      if (stream === 0) this.fail(errorCode.protocol, "data belongs to no stream");
      this.padBytes = (flags & frameFlag.padded) === 0 ? 0 : -1;
      if (this.padBytes < 0 && lengthBytes === 0) this.fail(errorCode.frameSize, "padding has no length");
    }
    this.isFirst = false;
  }

  private readPayload(bytes: Bytes, start: number, end: number): number {
    if (this.type === frameType.data) return this.readData(bytes, start, end);
    const { lengthBytes, doneBytes } = this;
    const taken = Math.min(lengthBytes - doneBytes, end - start);
    if (doneBytes === 0 && taken === lengthBytes) {
      this.over();
      this.take(bytes, start, start + taken);
      return start + taken;
    }
    if (doneBytes === 0) this.partial = new Uint8Array(lengthBytes);
    this.partial.set(bytes.subarray(start, start + taken), doneBytes);
    this.doneBytes += taken;
    if (this.doneBytes === lengthBytes) {
      const whole = this.partial;
      this.partial = noBytes;
      this.over();
      this.take(whole, 0, lengthBytes);
    }
    return start + taken;
  }

  private readData(bytes: Bytes, start: number, end: number): number {
    let at = start;
    if (this.padBytes < 0 && at < end) {
      this.padBytes = bytes[at++] ?? 0;
      this.doneBytes = 1;
      if (this.padBytes >= this.lengthBytes) {
        this.fail(errorCode.protocol, "padding is longer than its frame");
        return end;
      }
    }
    const { stream, lengthBytes } = this;
    const contentBytes = Math.min(lengthBytes - this.padBytes - this.doneBytes, end - at);
    if (contentBytes > 0) {
      this.doneBytes += contentBytes;
      this.sink.onData(stream, bytes, at, at + contentBytes);
      at += contentBytes;
    }
    const paddingBytes = Math.min(lengthBytes - this.doneBytes, end - at);
    this.doneBytes += paddingBytes;
    if (this.doneBytes === lengthBytes && this.wrong === undefined) {
      const isLast = (this.flags & frameFlag.endStream) !== 0;
      this.over();
      this.sink.onDataEnd(stream, lengthBytes, isLast);
    }
    return at + paddingBytes;
  }

  private over(): void {
    this.lengthBytes = -1;
    this.doneBytes = 0;
  }

  /** A whole payload of another frame than DATA. Kinds that nobody knows are passed over. */
  private take(bytes: Uint8Array, start: number, end: number): void {
    const { type, flags, stream } = this;
    const isAck = (flags & frameFlag.ack) !== 0;
    const lengthBytes = end - start;
    switch (type) {
      case frameType.headers:
        this.takeHeaders(bytes, start, end);
        return;
      case frameType.continuation:
        if (this.blockStream === 0) this.fail(errorCode.protocol, "a block of headers goes on that never began");
        else this.addToBlock(bytes, start, end);
        return;
      case frameType.reset:
        if (lengthBytes !== 4) this.fail(errorCode.frameSize, `a reset has ${lengthBytes} bytes`);
        else if (stream === 0) this.fail(errorCode.protocol, "a reset belongs to no stream");
        else this.sink.onReset(stream, uint32At(bytes, start));
        return;
      case frameType.settings:
        if (stream !== 0) this.fail(errorCode.protocol, "settings belong to a stream");
        else if (lengthBytes % settingBytes !== 0 || (isAck && lengthBytes > 0)) {
          this.fail(errorCode.frameSize, `settings have ${lengthBytes} bytes`);
        } else if (isAck) this.sink.onSettingsAck();
        else this.takeSettings(bytes, start, end);
        return;
      case frameType.pushPromise:
        this.fail(errorCode.protocol, "it pushes, which it was told not to do");
        return;
      case frameType.ping:
        if (lengthBytes !== 8) this.fail(errorCode.frameSize, `a ping has ${lengthBytes} bytes`);
        else if (stream !== 0) this.fail(errorCode.protocol, "a ping belongs to a stream");
        else this.sink.onPing(bytes.subarray(start, end), isAck);
        return;
      case frameType.goaway:
        if (lengthBytes < 8) this.fail(errorCode.frameSize, `a goaway has ${lengthBytes} bytes`);
        else if (stream !== 0) this.fail(errorCode.protocol, "a goaway belongs to a stream");
        else {
          const words = shownText(bytes.subarray(start + 8, end));
          this.sink.onGoaway(uint32At(bytes, start) & maxStreamId, uint32At(bytes, start + 4), words);
        }
        return;
      case frameType.windowUpdate: {
        const addedBytes = uint32At(bytes, start) & maxStreamId;
        if (lengthBytes !== 4) this.fail(errorCode.frameSize, `an update of a window has ${lengthBytes} bytes`);
        else if (addedBytes === 0) this.fail(errorCode.protocol, "a window grows by nothing");
        else this.sink.onWindow(stream, addedBytes);
        return;
      }
      default:
    }
  }

  private takeHeaders(bytes: Uint8Array, start: number, end: number): void {
    const { flags, stream } = this;
    if (stream === 0) {
      this.fail(errorCode.protocol, "headers belong to no stream");
      return;
    }
    let at = start;
    let padBytes = 0;
    if ((flags & frameFlag.padded) !== 0) padBytes = bytes[at++] ?? 0;
    if ((flags & frameFlag.priority) !== 0) at += priorityBytes;
    if (at + padBytes > end) {
      this.fail(errorCode.protocol, "padding is longer than its frame");
      return;
    }
    const isLast = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) {
      this.sink.onHeaders(stream, bytes, at, end - padBytes, isLast);
      return;
    }
    this.blockStream = stream;
    this.blockIsLast = isLast;
    this.addToBlock(bytes, at, end - padBytes);
  }

  private addToBlock(bytes: Uint8Array, start: number, end: number): void {
    this.blockBytes += end - start;
    if (this.blockBytes > maxBlockBytes) {
      this.fail(errorCode.enhanceYourCalm, `its headers are larger than ${maxBlockBytes / 1024} KiB`);
      return;
    }
    if (end > start) this.block.push(copyOf(bytes, start, end));
    if (this.type === frameType.headers || (this.flags & frameFlag.endHeaders) === 0) return;
    const whole = new Uint8Array(this.blockBytes);
    let at = 0;
    for (const piece of this.block) {
      whole.set(piece, at);
      at += piece.length;
    }
    const stream = this.blockStream;
    this.block = [];
    this.blockBytes = 0;
    this.blockStream = 0;
    this.sink.onHeaders(stream, whole, 0, whole.length, this.blockIsLast);
  }

  private takeSettings(bytes: Uint8Array, start: number, end: number): void {
    const pairs: (readonly [number, number])[] = [];
    for (let at = start; at < end; at += settingBytes) {
      pairs.push([((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0), uint32At(bytes, at + 2)]);
    }
    this.sink.onSettings(pairs);
  }
}

/** What a server says in words, cut, without anything that is no letter. */
function shownText(bytes: Uint8Array): string {
  const codes = Array.from(bytes.subarray(0, 200), (byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x3f));
  return String.fromCharCode(...codes);
}
