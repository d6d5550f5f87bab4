/** Names a record processor's stream; never reused within a process. */
export type IngestStream = number;

/** What became of the records of a batch. */
export interface BatchOutcome {
  readonly inserted: number;
  readonly duplicate: number;
  readonly late: number;
}

/**
 * Holds the ack of every batch back until the transaction that was open when it arrived is committed. That goes for batches of
 * nothing but duplicates too: the row that they repeat may lie in the same transaction.
 */
export class CommitAcks {
  #waiting: { readonly stream: IngestStream; readonly seq: number; readonly outcome: BatchOutcome }[] = [];
  readonly #ack: (stream: IngestStream, seq: number, outcome: BatchOutcome) => void;

  /** `ack` sends one ack; batches of a stream are acked in the order in which they arrived. */
  constructor(ack: (stream: IngestStream, seq: number, outcome: BatchOutcome) => void) {
    this.#ack = ack;
  }

  batchArrived(stream: IngestStream, seq: number, outcome: BatchOutcome): void {
    this.#waiting.push({ stream, seq, outcome });
  }

  /** Nobody is left to hear its acks; the other side resends. */
  streamEnded(stream: IngestStream): void {
    this.#waiting = this.#waiting.filter((batch) => batch.stream !== stream);
  }

  committed(): void {
    const acked = this.#waiting;
    this.#waiting = [];
    for (const { stream, seq, outcome } of acked) this.#ack(stream, seq, outcome);
  }
}
