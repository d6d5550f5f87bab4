/**
 * Exactly-once, in-order delivery over streams that break: one direction of the `Credits` stream of one worker incarnation.
 * What was sent is kept until the other side has handled it, and resent after a redial; what arrives twice is dropped.
 */
import type { Envelope } from "./credits.ts";

/** Numbers and keeps the sequenced messages of one direction. Few are kept: the other side acks with everything it says. */
export class SequencedSender<Body> {
  #kept: Envelope<Body>[] = [];
  #keptFrom = 0;
  #lastSeq = 0;

  /** The number of the latest message. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** How many messages wait for their ack. */
  get keptCount(): number {
    return this.#kept.length - this.#keptFrom;
  }

  /**
   * Numbers a message and keeps its envelope. The envelope is resent as it is: body and ack belong together, since what a
   * body says about the credits received is true only for the ack that it was sent with.
   */
  enclose(body: Body, ack: number): Envelope<Body> {
    const envelope = { seq: ++this.#lastSeq, ack, body };
    this.#kept.push(envelope);
    return envelope;
  }

  /** The other side has handled everything up to `seq`. */
  acked(seq: number): void {
    while (this.#keptFrom < this.#kept.length && (this.#kept[this.#keptFrom] as Envelope<Body>).seq <= seq) this.#keptFrom++;
    if (this.#keptFrom > 64 && this.#keptFrom * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#keptFrom);
      this.#keptFrom = 0;
    }
  }

  /** What has not been handled, oldest first, to be resent after a redial. */
  unacked(): readonly Envelope<Body>[] {
    return this.#kept.slice(this.#keptFrom);
  }
}

/** Decides what to do with an arriving message. */
export class SequencedReceiver {
  #recvSeq = 0;

  /** Highest number handled: the ack for everything sent from now on. */
  get recvSeq(): number {
    return this.#recvSeq;
  }

  /** `handle` the next one (it counts as handled from here on), `drop` what came before, end the stream on a `gap`. */
  accept(seq: number): "handle" | "drop" | "gap" {
    if (seq <= this.#recvSeq) return "drop";
    if (seq !== this.#recvSeq + 1) return "gap";
    this.#recvSeq = seq;
    return "handle";
  }
}
