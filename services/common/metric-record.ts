/** One request, measured: the message from record processor to records manager, and a row in its file. */
import type { RequestError } from "../../endpoints/outcome.ts";
import type { RecordIdentity, RecordTimes } from "./raw-record.ts";

/** Who counted the output tokens: the target (`usage`), Assay's tokenizer (`counted`), nobody (`none`). */
export type TokenSource = "usage" | "counted" | "none";

/** Identity and times are the raw record's, unchanged. */
export interface MetricRecord extends RecordIdentity, RecordTimes {
  readonly status: number;
  /** Undefined: the request succeeded. */
  readonly error: RequestError | undefined;
  /**
   * Values of `recordMetrics` of `metrics/catalog.ts`, in its order and units; NaN: does not apply. A plain array where it is made
   * for every record: a typed one of this size takes memory outside the heap, which costs more than all that is done with it.
   */
  readonly values: ArrayLike<number>;
  /** Stamps of the chunks with content, packed as `encodeStamps` of `chunk-stamps.ts` does. Of failed requests too: what came. */
  readonly contentStamps: Uint8Array;
  /** In the target's words; undefined: none was sent. */
  readonly finishReason: string | undefined;
  /** Content chunks that arrived in the same read as the chunk before: their gap is 0 whatever the target did. */
  readonly coalescedChunks: number;
  readonly tokenSource: TokenSource;
  /** The target's usage contradicts what it sent: fewer completion tokens than chunks with content, or a total that is not the sum. */
  readonly hasUsageMismatch: boolean;
  /** A stream was asked for and one JSON document came: metrics of streams do not apply. */
  readonly isStreamIgnored: boolean;
  /** Undefined: the answer was not checked. */
  readonly check: CheckOutcome | undefined;
}

/** An answer held against what is expected of it. */
export interface CheckOutcome {
  /** Undefined: the check could not be made, and `reason` says why. */
  readonly isCorrect: boolean | undefined;
  /** Why it is not correct; empty: it is. */
  readonly reason: string;
  /** The answer where it is not correct, cut to 1 KiB. */
  readonly answer: string;
}

/** A request and its answer as they were. `reads` are packed as `chunk-stamps.ts` says. */
export interface RawAnswer {
  readonly reads: Uint8Array;
  readonly payload: Uint8Array;
  /** Undefined: the run does not keep it. */
  readonly requestBody?: Uint8Array | undefined;
  /** One JSON object, names in lower case; undefined: none came, or the run does not keep them. */
  readonly responseHeaders?: string | undefined;
  /** Bytes at the end of `payload`, or of `requestBody` before it, that are left out, since no message holds them; undefined: none are. */
  readonly cutBytes?: number | undefined;
}
