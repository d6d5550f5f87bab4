/** Assembles the writes of streams. */
import type { Connection } from "../http/connection.ts";
import { type AnswerIdentity, copyEvent, type EventTemplate, patchStamp } from "../text/event-template.ts";

const firstBytes = 4096;

/**
 * Assembles the events of one write in a buffer that all answers share, and stamps them right before the write.
 * The buffer is used again only if the kernel took all of it; otherwise the socket keeps it and a new one is made.
 */
export class EventWriter {
  readonly #now: () => number;
  #buffer = Buffer.allocUnsafeSlow(firstBytes);
  #size = 0;
  #stampsAt: number[] = [];

  /** `now`: CLOCK_MONOTONIC in ns. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#size;
  }

  text(ascii: string): void {
    if (ascii.length === 0) return;
    this.#makeRoom(ascii.length);
    this.#size += this.#buffer.write(ascii, this.#size, "latin1");
  }

  bytes(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  event(template: EventTemplate, identity: AnswerIdentity): void {
    this.#makeRoom(template.bytes.length);
    copyEvent(template, identity, this.#buffer, this.#size);
    for (const at of template.stampsAt) this.#stampsAt.push(this.#size + at);
    this.#size += template.bytes.length;
  }

  /** Writes what was assembled. Returns when, as its stamps say. */
  send(connection: Connection): number {
    const sentNs = this.#now();
    if (this.#stampsAt.length > 0) {
      for (const at of this.#stampsAt) patchStamp(this.#buffer, at, sentNs);
      this.#stampsAt.length = 0;
    }
    connection.write(this.#buffer.subarray(0, this.#size));
    this.#size = 0;
    if (connection.unsentBytes > 0) this.#buffer = Buffer.allocUnsafeSlow(firstBytes);
    return sentNs;
  }

  #makeRoom(bytes: number): void {
    if (this.#size + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#size + bytes));
    larger.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = larger;
  }
}
