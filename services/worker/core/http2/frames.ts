/** Frames of HTTP/2 (RFC 9113, sections 4 to 7): their numbers, and how their heads are written. Pure. */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Bits of a frame's flags; what one means depends on the frame's type. */
export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

/** RFC 9113, section 7. */
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export const frameHeadBytes = 9;
/** What either side takes before it has said otherwise. */
export const usualFrameBytes = 16_384;
export const usualWindowBytes = 65_535;
export const maxWindowBytes = 0x7fff_ffff;
export const maxStreamId = 0x7fff_ffff;
/** What a client says first (RFC 9113, section 3.4). */
export const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Writes the head of a frame whose payload follows; returns where that begins. */
export function putFrameHead(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  { type, flags = 0, stream = 0 }: { readonly type: number; readonly flags?: number; readonly stream?: number },
): number {
  bytes[at] = lengthBytes >>> 16;
  bytes[at + 1] = lengthBytes >>> 8;
  bytes[at + 2] = lengthBytes;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  return putUint32(bytes, at + 5, stream);
}

/** Returns where the next byte goes. */
export function putUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (uint24At(bytes, at) * 0x100 + (bytes[at + 3] ?? 0)) >>> 0;
}

export function uint24At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}
