/** ASN.1's distinguished encoding (X.690), as far as certificates need it: everything is written, of what is read only the frame. Pure. */

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(tags.sequence, ...items);
}

/** Of one item: those of several would have to be sorted. */
export function setOf(item: Uint8Array): Buffer {
  return element(tags.set, item);
}

export function boolean(value: boolean): Buffer {
  return element(tags.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** A number that is not negative, as its bytes, the greatest first. */
export function unsignedInteger(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  // The highest bit is the sign.
  return element(tags.integer, ...((digits[0] ?? 0) >= 0x80 ? [Uint8Array.of(0), digits] : [digits]));
}

export function nothing(): Buffer {
  return element(tags.null);
}

/** `2.5.29.17`. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split(".").map(Number);
  return element(tags.objectId, Uint8Array.from([first * 40 + second, ...arcs].flatMap(base128)));
}

export function utf8String(text: string): Buffer {
  return element(tags.utf8String, Buffer.from(text, "utf8"));
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(tags.octetString, bytes);
}

/** Whole bytes. */
export function bitString(bytes: Uint8Array): Buffer {
  return element(tags.bitString, Uint8Array.of(0), bytes);
}

/** The bits that are set, by number, of a list of named bits below 16. */
export function namedBits(numbers: readonly number[]): Buffer {
  const highest = Math.max(0, ...numbers);
  const bytes = new Uint8Array((highest >> 3) + 1);
  for (const number of numbers) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (0x80 >> (number & 7));
  return element(tags.bitString, Uint8Array.of(7 - (highest & 7)), bytes);
}

/** To the second; as RFC 5280 has it, with two digits of the year until 2049 and with four from then on. */
export function time(unixMs: number): Buffer {
  const digits = `${new Date(unixMs).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  const isLong = digits >= "2050";
  return element(isLong ? tags.generalizedTime : tags.utcTime, Buffer.from(isLong ? digits : digits.slice(2), "latin1"));
}

/** `[number] EXPLICIT`. */
export function explicitly(number: number, item: Uint8Array): Buffer {
  return element(0xa0 + number, item);
}

/** `[number] IMPLICIT` of what holds no further elements. */
export function implicitly(number: number, content: Uint8Array): Buffer {
  return element(0x80 + number, content);
}

/** The elements that one of several parts holds, each with its tag and length. Throws `RangeError` for what is cut off. */
export function partsOf(der: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const outer = frameOf(der, 0);
  for (let at = outer.start; at < outer.end; at = frameOf(der, at).end) parts.push(der.subarray(at, frameOf(der, at).end));
  return parts;
}

/** What an element holds. Throws `RangeError` for one that is cut off. */
export function contentOf(der: Uint8Array): Uint8Array {
  const { start, end } = frameOf(der, 0);
  return der.subarray(start, end);
}

function frameOf(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0;
  const more = first < 0x80 ? 0 : first & 0x7f;
  let length = more === 0 ? first : 0;
  for (let index = 0; index < more; index++) length = length * 256 + (der[at + 2 + index] ?? 0);
  const start = at + 2 + more;
  if (first === 0x80 || more > 4 || start + length > der.length) throw new RangeError("the encoding is cut off");
  return { start, end: start + length };
}

function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const bytes = bytesOf(length);
  return Buffer.concat([Uint8Array.from(length < 0x80 ? [tag, length] : [tag, 0x80 + bytes.length, ...bytes]), ...content]);
}

function bytesOf(value: number): number[] {
  return value < 256 ? [value] : [...bytesOf(Math.floor(value / 256)), value % 256];
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 + (rest % 128));
  return digits;
}
