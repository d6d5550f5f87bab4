/** Elements of BYTES as they go raw: each behind its length, 4 bytes, unsigned, little-endian. */

const lengthBytes = 4;

/** Where raw contents end too early. length: inside the length of an element. data: inside an element of `wanted` bytes. */
export interface BytesFault {
  readonly where: "length" | "data";
  readonly wanted: number;
  /** Bytes that there are of it. */
  readonly available: number;
}

/** How many elements raw contents hold, or where they end too early. */
export function countBytesElements(raw: Uint8Array): number | BytesFault {
  const view = viewOf(raw);
  let count = 0;
  for (let at = 0; at < raw.length; count++) {
    if (raw.length - at < lengthBytes) return { where: "length", wanted: lengthBytes, available: raw.length - at };
    const wanted = view.getUint32(at, true);
    at += lengthBytes;
    if (raw.length - at < wanted) return { where: "data", wanted, available: raw.length - at };
    at += wanted;
  }
  return count;
}

/** The elements, as views of the contents; those before a fault where there is one. */
export function bytesElements(raw: Uint8Array): Uint8Array[] {
  const view = viewOf(raw);
  const elements: Uint8Array[] = [];
  for (let at = 0; raw.length - at >= lengthBytes; ) {
    const end = at + lengthBytes + view.getUint32(at, true);
    if (end > raw.length) break;
    elements.push(raw.subarray(at + lengthBytes, end));
    at = end;
  }
  return elements;
}

/** Raw contents of these elements. */
export function rawOfBytes(elements: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(elements.reduce((sum, element) => sum + lengthBytes + element.length, 0));
  const view = viewOf(raw);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    raw.set(element, at + lengthBytes);
    at += lengthBytes + element.length;
  }
  return raw;
}

function viewOf(raw: Uint8Array): DataView {
  return new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
}
