/** Messages in the bytes of a call of gRPC as they come: each behind a flag of compression and its length, 4 bytes, big-endian. Pure. */

/** In front of every message. */
export const prefixBytes = 5;

/** Takes bytes in, as they are split, and gives whole frames. */
export class FrameFeed {
  // Put together once there are enough of them: at every part it would be the whole message again and again.
  #parts: Buffer[] = [];
  #heldBytes = 0;

  /** Bytes have come of a frame that is not whole. */
  get isInside(): boolean {
    return this.#heldBytes > 0;
  }

  /** What the next message says to be long; undefined: it has not said so yet. */
  get announcedBytes(): number | undefined {
    if (this.#heldBytes < prefixBytes) return undefined;
    return this.#head(prefixBytes).readUInt32BE(1);
  }

  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#heldBytes += bytes.length;
  }

  /** What is left of what was added last is copied: its bytes are about to be overwritten. */
  keep(): void {
    const last = this.#parts.pop();
    if (last !== undefined && last.length > 0) this.#parts.push(Buffer.from(last));
  }

  /** The next frame, prefix included, a view of what was added; undefined: none is whole. */
  next(): Buffer | undefined {
    const { announcedBytes } = this;
    if (announcedBytes === undefined || this.#heldBytes < prefixBytes + announcedBytes) return undefined;
    const sizeBytes = prefixBytes + announcedBytes;
    const bytes = this.#head(sizeBytes);
    this.#heldBytes -= sizeBytes;
    if (bytes.length === sizeBytes) {
      this.#parts.shift();
      return bytes;
    }
    this.#parts[0] = bytes.subarray(sizeBytes);
    return bytes.subarray(0, sizeBytes);
  }

  /** A first part of at least so many bytes. */
  #head(sizeBytes: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= sizeBytes) return first;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }
}

/** A message in its frame. `parts` are put one behind the other. */
export function frameOf(isCompressed: boolean, ...parts: readonly Uint8Array[]): Buffer {
  const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const frame = Buffer.allocUnsafe(prefixBytes + sizeBytes);
  frame[0] = isCompressed ? 1 : 0;
  frame.writeUInt32BE(sizeBytes, 1);
  let at = prefixBytes;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
