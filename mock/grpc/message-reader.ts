/** Takes messages out of the bytes of a call: each behind a flag of compression and its length. Pure. */
import { type GrpcStatus, status } from "./status.ts";

const prefixBytes = 5;

export class MessageReader {
  readonly #maxBytes: number;
  // Put together once there are enough of them: at every part it would be the whole message again and again.
  #parts: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = prefixBytes;

  /** `maxBytes`: the largest message that is taken. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes have come of a message that is not whole. */
  get isInside(): boolean {
    return this.#heldBytes > 0;
  }

  /** The messages that these bytes complete, as views of them, or why the call has to end. */
  feed(bytes: Buffer): Buffer[] | GrpcStatus {
    this.#parts.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < this.#neededBytes) return [];
    let left = this.#parts.length === 1 ? bytes : Buffer.concat(this.#parts);
    const messages: Buffer[] = [];
    this.#neededBytes = prefixBytes;
    while (left.length >= prefixBytes) {
      if (left[0] !== 0) return status("unimplemented", "compressed messages are not taken");
      const size = left.readUInt32BE(1);
      if (size > this.#maxBytes) {
        return status("resourceExhausted", `a message must be of ${this.#maxBytes} bytes at most, got ${size}`);
      }
      const end = prefixBytes + size;
      if (left.length < end) {
        this.#neededBytes = end;
        break;
      }
      messages.push(left.subarray(prefixBytes, end));
      left = left.subarray(end);
    }
    this.#parts = left.length === 0 ? [] : [left];
    this.#heldBytes = left.length;
    return messages;
  }
}

/** Room for one message with its prefix, which is written; the message goes behind `at`. */
export function frame(size: number): { bytes: Buffer; at: number } {
  const bytes = Buffer.allocUnsafe(prefixBytes + size);
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  return { bytes, at: prefixBytes };
}
