/** What a model has done, in the counts of `ModelStatistics`. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModelStatisticsSchema } from "../../gen/inference/statistics_pb.js";
import type { ServedTotals } from "../pages/triton.ts";

/** Readings of the monotonic clock, in ns. */
export interface ServedTimes {
  readonly receivedNs: number;
  /** When its turn had come. */
  readonly startNs: number;
  readonly endNs: number;
}

/** Later responses of a request are counted with this one. */
const maxResponses = 4096;

class Duration {
  count = 0;
  ns = 0;

  add(ns: number): void {
    this.count++;
    this.ns += ns;
  }

  get message(): { count: bigint; ns: bigint } {
    return { count: BigInt(this.count), ns: BigInt(Math.round(this.ns)) };
  }
}

interface ResponseCounts {
  readonly infer: Duration;
  readonly success: Duration;
  readonly fail: Duration;
  readonly empty: Duration;
  readonly cancel: Duration;
}

/** One model's. A request that is refused before the model has seen it counts nowhere, as with Triton. */
export class ModelCounts {
  #lastMs = 0;
  #inferences = 0;
  #executions = 0;
  #cancelled = 0;
  #waiting = 0;
  readonly #success = new Duration();
  readonly #fail = new Duration();
  readonly #queue = new Duration();
  readonly #infer = new Duration();
  readonly #batches = new Map<number, Duration>();
  readonly #responses: ResponseCounts[] = [];

  /** A request has begun. @param nowMs Unix time */
  began(nowMs: number): void {
    this.#lastMs = Math.round(nowMs);
  }

  /** All responses of a request have come. */
  succeeded(batch: number, { receivedNs, startNs, endNs }: ServedTimes): void {
    this.#inferences += batch;
    this.#executions++;
    this.#success.add(endNs - receivedNs);
    this.#queue.add(startNs - receivedNs);
    this.#infer.add(endNs - startNs);
    const ofBatch = this.#batches.get(batch) ?? new Duration();
    ofBatch.add(endNs - startNs);
    this.#batches.set(batch, ofBatch);
  }

  /** The model, or a failure on purpose, ended a request. */
  failed(ns: number): void {
    this.#fail.add(ns);
  }

  /** The client gave a request up. */
  cancelled(): void {
    this.#cancelled++;
  }

  /** A request has to wait for its turn. */
  waits(): void {
    this.#waiting++;
  }

  /** Its turn has come, or its client gave it up. */
  waitedFor(): void {
    this.#waiting--;
  }

  /** A response of a decoupled model. @param index of the request's responses, from 0 @param ns since the one before, or since the request's start */
  responded(index: number, how: "success" | "fail" | "empty" | "cancel", ns: number): void {
    const at = Math.min(index, maxResponses - 1);
    let counts = this.#responses[at];
    if (counts === undefined) {
      counts = {
        infer: new Duration(),
        success: new Duration(),
        fail: new Duration(),
        empty: new Duration(),
        cancel: new Duration(),
      };
      this.#responses[at] = counts;
    }
    counts[how].add(ns);
    if (how === "success" || how === "fail") counts.infer.add(ns);
  }

  totals(): ServedTotals {
    return {
      succeeded: this.#success.count,
      failed: this.#fail.count,
      cancelled: this.#cancelled,
      inferences: this.#inferences,
      executions: this.#executions,
      requestNs: this.#success.ns,
      queueNs: this.#queue.ns,
      inferNs: this.#infer.ns,
      waiting: this.#waiting,
    };
  }

  message(name: string, version: string): MessageInitShape<typeof ModelStatisticsSchema> {
    // Inputs and outputs take no time here: how often stands in the count.
    const instant = (count: number) => ({ count: BigInt(count), ns: 0n });
    return {
      name,
      version,
      lastInference: BigInt(this.#lastMs),
      inferenceCount: BigInt(this.#inferences),
      executionCount: BigInt(this.#executions),
      inferenceStats: {
        success: this.#success.message,
        fail: this.#fail.message,
        queue: this.#queue.message,
        computeInput: instant(this.#infer.count),
        computeInfer: this.#infer.message,
        computeOutput: instant(this.#infer.count),
        cacheHit: instant(0),
        cacheMiss: instant(0),
      },
      batchStats: [...this.#batches].map(([batch, infer]) => ({
        batchSize: BigInt(batch),
        computeInput: instant(infer.count),
        computeInfer: infer.message,
        computeOutput: instant(infer.count),
      })),
      responseStats: Object.fromEntries(
        this.#responses.map(({ infer, success, fail, empty, cancel }, index) => [
          index,
          {
            computeInfer: infer.message,
            computeOutput: instant(infer.count),
            success: success.message,
            fail: fail.message,
            emptyResponse: empty.message,
            cancel: cancel.message,
          },
        ]),
      ),
    };
  }
}
