/** What may lie in the outbox, in bytes of encoded records. */
export interface OutboxLimits {
  /** Sent and not acked, at most; at least one batch is always let through. */
  readonly windowBytes: number;
  /** In memory, at most; batches beyond it are spilled. */
  readonly memoryBytes: number;
  /** In memory and spilled together; from here on the outbox is full and the worker starts no further requests. */
  readonly totalBytes: number;
}

/** A batch of encoded records, or one record too large for a batch (sent in parts, from part 0 whenever it is resent). */
export interface OutboxBatch<Payload> {
  /** From 1, without gaps, over all streams of the worker. */
  readonly seq: number;
  readonly bytes: number;
  readonly payload: Payload;
}

/** What the outbox wants done. None of these may call back at once. */
export interface OutboxOut<Payload> {
  readonly send: (batch: OutboxBatch<Payload>) => void;
  /** Write it to the spill file; the outbox forgets the payload. */
  readonly spill: (batch: OutboxBatch<Payload>) => void;
  /** Read it back, then call `readBack`. */
  readonly readSpilled: (seq: number) => void;
  /** Committed: the payload's buffer may be used again. Not called for a payload that lies in the spill file. */
  readonly release: (payload: Payload) => void;
  /** Nothing in the spill file is needed any more. */
  readonly spillEmpty: () => void;
}

interface Entry<Payload> {
  readonly seq: number;
  readonly bytes: number;
  /** Undefined while it lies in the spill file. */
  payload: Payload | undefined;
  readonly wasSpilled: boolean;
}

/**
 * The records that a worker has made and that are not committed yet. A batch leaves only when it is acked, and an ack means:
 * committed by the records manager, this batch and all before it. After a redial everything unacked is sent again, in order.
 */
export class Outbox<Payload> {
  readonly #limits: OutboxLimits;
  readonly #out: OutboxOut<Payload>;
  #entries: Entry<Payload>[] = [];
  #from = 0;
  /** Index of the next entry to send. */
  #next = 0;
  #lastSeq = 0;
  #memoryBytes = 0;
  #totalBytes = 0;
  #sentBytes = 0;
  #spilledCount = 0;
  #reading = 0;
  #isUp = false;

  constructor(limits: OutboxLimits, out: OutboxOut<Payload>) {
    this.#limits = limits;
    this.#out = out;
  }

  /** Not committed, in bytes. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Not committed, in batches. */
  get count(): number {
    return this.#entries.length - this.#from;
  }

  /** Start no further request until this is false; the time spent so is counted in the verdict. */
  get isFull(): boolean {
    return this.#totalBytes >= this.#limits.totalBytes;
  }

  /** Takes a batch in; the payload belongs to the outbox until it is released or spilled. Never refuses: what was measured is kept. */
  add(payload: Payload, bytes: number): void {
    const seq = ++this.#lastSeq;
    const mustSpill = this.#memoryBytes > 0 && this.#memoryBytes + bytes > this.#limits.memoryBytes;
    this.#totalBytes += bytes;
    this.#entries.push({ seq, bytes, payload: mustSpill ? undefined : payload, wasSpilled: mustSpill });
    if (mustSpill) {
      this.#spilledCount++;
      this.#out.spill({ seq, bytes, payload });
    } else this.#memoryBytes += bytes;
    this.#pump();
  }

  /** A stream is open and takes batches. Everything unacked is sent. */
  connected(): void {
    this.#isUp = true;
    this.#pump();
  }

  streamEnded(): void {
    this.#isUp = false;
    this.#next = this.#from;
    this.#sentBytes = 0;
  }

  /** Everything up to this batch is committed. An ack for what was never sent on this stream is ignored. */
  acked(seq: number): void {
    while (this.#from < this.#next && (this.#entries[this.#from] as Entry<Payload>).seq <= seq) this.#drop();
    if (this.#from > 256 && this.#from * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#from);
      this.#next -= this.#from;
      this.#from = 0;
    }
    this.#pump();
  }

  /** A spilled batch was read. */
  readBack(seq: number, payload: Payload): void {
    this.#reading = 0;
    const entry = this.#entries[seq - (this.#entries[0]?.seq ?? 0)];
    if (entry === undefined || entry.payload !== undefined) return;
    entry.payload = payload;
    this.#memoryBytes += entry.bytes;
    this.#pump();
  }

  #pump(): void {
    while (this.#isUp && this.#next < this.#entries.length) {
      const { seq, bytes, payload } = this.#entries[this.#next] as Entry<Payload>;
      if (this.#sentBytes > 0 && this.#sentBytes + bytes > this.#limits.windowBytes) return;
      if (payload === undefined) {
        if (this.#reading !== seq) this.#out.readSpilled(seq);
        this.#reading = seq;
        return;
      }
      this.#next++;
      this.#sentBytes += bytes;
      this.#out.send({ seq, bytes, payload });
    }
  }

  #drop(): void {
    const { bytes, payload, wasSpilled } = this.#entries[this.#from++] as Entry<Payload>;
    this.#totalBytes -= bytes;
    this.#sentBytes -= bytes;
    this.#memoryBytes -= bytes;
    if (payload !== undefined) this.#out.release(payload);
    if (wasSpilled && --this.#spilledCount === 0) this.#out.spillEmpty();
  }
}
