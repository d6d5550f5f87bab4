/**
 * When the pieces of a response arrived, packed. Two forms, both of varints with time in µs as difference to the stamp before
 * (the first: to the moment the request was sent):
 * - reads, from worker to record processor: for every socket read that carried body, payload bytes and time;
 * - content, in the stored record: for every chunk with content, time alone.
 *
 * What is rounded to µs is the time since the request was sent, and differences are taken of rounded values, so an error
 * never exceeds half a µs however long the stream is. Times must not descend.
 */
import { pooledDoubles, pooledUints } from "../../endpoints/pooled-numbers.ts";
import { AssayError } from "./errors.ts";
import { maxVarintBytes, VarintReader, writeVarint } from "./varint.ts";

/** Bytes that must be free at `offset` for `writeRead`. */
export const maxReadBytes = 2 * maxVarintBytes;

/** Socket reads of one response, unpacked. */
export interface ReadStamps {
  /** `readEnds[i]` = payload bytes received up to and with read i, ascending. */
  readonly readEnds: Uint32Array;
  /** `readNs[i]` = stamp of read i, ns after the request was sent, a whole number of µs. */
  readonly readNs: Float64Array;
}

/**
 * Packs one socket read at `offset` of `target` and returns the offset behind it; allocates nothing. Called by the worker in
 * its data callback. `previousNs` is the `ns` of the read before, 0 for the first; both count from the moment the request was sent.
 */
export function writeRead(target: Uint8Array, offset: number, sizeBytes: number, previousNs: number, ns: number): number {
  return writeVarint(target, writeVarint(target, offset, sizeBytes), toUs(ns) - toUs(previousNs));
}

/** A time since the request was sent as the packed stamps have it: moments of one read are equal, and order is kept. */
export function wholeUs(ns: number): number {
  return toUs(ns) * 1000;
}

/** Unpacks what `writeRead` wrote. Throws `data_loss` where the bytes end early. */
export function decodeReads(stamps: Uint8Array): ReadStamps {
  const values = countVarints(stamps);
  if (values % 2 !== 0) throw new AssayError("data_loss", `read stamps have ${values} values, a size without its time`);
  const readEnds = pooledUints(values / 2);
  const readNs = pooledDoubles(values / 2);
  const reader = new VarintReader(stamps);
  let end = 0;
  let us = 0;
  for (let index = 0; index < readEnds.length; index++) {
    end += reader.read();
    us += reader.read();
    readEnds[index] = end;
    readNs[index] = us * 1000;
  }
  if (!reader.isAtEnd) throw new AssayError("data_loss", "read stamps end inside a varint");
  return { readEnds, readNs };
}

/** Packs ascending stamps, ns after the request was sent. */
export function encodeStamps(ns: Float64Array): Uint8Array {
  const target = stampScratch(ns.length * maxVarintBytes);
  let offset = 0;
  let previousUs = 0;
  for (let index = 0; index < ns.length; index++) {
    const us = toUs(ns[index] as number);
    offset = writeVarint(target, offset, us - previousUs);
    previousUs = us;
  }
  return target.slice(0, offset);
}

/** Unpacks what `encodeStamps` packed: ns after the request was sent, whole µs. Throws `data_loss` where the bytes end early. */
export function decodeStamps(stamps: Uint8Array): Float64Array {
  const ns = new Float64Array(countVarints(stamps));
  const reader = new VarintReader(stamps);
  let us = 0;
  for (let index = 0; index < ns.length; index++) {
    us += reader.read();
    ns[index] = us * 1000;
  }
  if (!reader.isAtEnd) throw new AssayError("data_loss", "stamps end inside a varint");
  return ns;
}

function toUs(ns: number): number {
  return Math.round(ns / 1000);
}

/** Every varint has exactly one byte below 0x80, its last. */
function countVarints(bytes: Uint8Array): number {
  let count = 0;
  for (let index = 0; index < bytes.length; index++) {
    if ((bytes[index] as number) < 0x80) count++;
  }
  return count;
}

// Grown to the longest stream seen, so that packing a record allocates only its result.
let scratch = new Uint8Array(4096);

function stampScratch(sizeBytes: number): Uint8Array {
  if (scratch.length < sizeBytes) scratch = new Uint8Array(sizeBytes * 2);
  return scratch;
}
