/** Names a worker's stream towards whoever owns the sockets; never reused within a process. */
export type WorkerStream = number;

export interface RelayOut {
  /** The worker's batches up to this one are committed. */
  readonly ack: (stream: WorkerStream, workerSeq: number) => void;
  /** The worker redials, here or elsewhere, and sends again what was not acked. */
  readonly endWorkerStream: (stream: WorkerStream, reason: string) => void;
}

interface Pending {
  readonly workerSeq: number;
  /** The manager's batch that carried its last record; 0 = not all forwarded yet. */
  managerSeq: number;
}

interface Source {
  readonly pending: Pending[];
  lastSeq: number;
  /** The record that arrives in parts, if any. */
  part: { readonly creditId: number; readonly next: number } | undefined;
}

/**
 * Passes acks through: an ack of the records manager for its batch becomes acks for the worker batches that it carried. The
 * processor itself holds nothing that anybody relies on, and never says "committed" on its own account.
 */
export class Relay {
  readonly #out: RelayOut;
  readonly #sources = new Map<WorkerStream, Source>();
  #isManagerUp = false;

  constructor(out: RelayOut) {
    this.#out = out;
  }

  managerConnected(): void {
    this.#isManagerUp = true;
  }

  /** What was forwarded may or may not be committed: all workers send it again. */
  managerStreamEnded(): void {
    this.#isManagerUp = false;
    const streams = [...this.#sources.keys()];
    this.#sources.clear();
    for (const stream of streams) this.#out.endWorkerStream(stream, "the records manager's stream ended");
  }

  /** Returns false, after ending the stream, while there is no manager. */
  workerConnected(stream: WorkerStream): boolean {
    if (!this.#isManagerUp) {
      this.#out.endWorkerStream(stream, "no stream to the records manager");
      return false;
    }
    this.#sources.set(stream, { pending: [], lastSeq: 0, part: undefined });
    return true;
  }

  workerStreamEnded(stream: WorkerStream): void {
    this.#sources.delete(stream);
  }

  /** A batch came, or the first part of a large record. Returns false, after ending the stream, when one before it is missing. */
  batchReceived(stream: WorkerStream, workerSeq: number): boolean {
    const source = this.#sources.get(stream);
    if (source === undefined) return false;
    // A stream begins with whatever is the worker's oldest unacked batch.
    if (source.lastSeq !== 0 && workerSeq !== source.lastSeq + 1)
      return this.#endBroken(stream, `batch ${workerSeq} after ${source.lastSeq}`);
    source.lastSeq = workerSeq;
    source.pending.push({ workerSeq, managerSeq: 0 });
    return true;
  }

  /**
   * A part of a large record. `more`: keep it; `complete`: the record is whole; `broken`: out of order, the stream was ended.
   * Half a record dies with its stream, and a resend starts at part 0 again.
   */
  partReceived(stream: WorkerStream, part: { creditId: number; seq: number; isLast: boolean }): "more" | "complete" | "broken" {
    const source = this.#sources.get(stream);
    if (source === undefined) return "broken";
    const expected = source.part?.next ?? 0;
    if (part.seq !== expected || (source.part !== undefined && source.part.creditId !== part.creditId)) {
      this.#endBroken(stream, `part ${part.seq} of credit ${part.creditId}, expected part ${expected}`);
      return "broken";
    }
    source.part = part.isLast ? undefined : { creditId: part.creditId, next: part.seq + 1 };
    return part.isLast ? "complete" : "more";
  }

  /** Every record of the worker's batch has gone to the manager, the last one in the manager's batch `managerSeq` (from 1 per stream). */
  batchForwarded(stream: WorkerStream, workerSeq: number, managerSeq: number): void {
    const pending = this.#sources.get(stream)?.pending.find((batch) => batch.workerSeq === workerSeq);
    if (pending !== undefined) pending.managerSeq = managerSeq;
  }

  /** The manager has committed its batches up to this one. */
  managerAcked(managerSeq: number): void {
    for (const [stream, { pending }] of this.#sources) {
      let done = 0;
      while (done < pending.length && isWithin(pending[done] as Pending, managerSeq)) done++;
      if (done === 0) continue;
      const last = pending[done - 1] as Pending;
      pending.splice(0, done);
      this.#out.ack(stream, last.workerSeq);
    }
  }

  #endBroken(stream: WorkerStream, reason: string): false {
    this.#sources.delete(stream);
    this.#out.endWorkerStream(stream, reason);
    return false;
  }
}

function isWithin(batch: Pending, managerSeq: number): boolean {
  return batch.managerSeq > 0 && batch.managerSeq <= managerSeq;
}
