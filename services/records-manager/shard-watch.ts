/**
 * What the other records-managers of a run have committed so far, for whoever has the run's file: one stream from each, asked anew where it ends.
 * Of one that is gone its last word stays, which is what its file has.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ShardService, type WatchShardResponse } from "../../gen/assay/records_manager/v1/shard_service_pb.js";
import { messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { createClient } from "../common/rpc/client.ts";
import type { EndedRequests } from "./core/failure-watch.ts";
import type { LivePart } from "./core/live.ts";

export interface ShardWatchOptions {
  readonly runId: string;
  /** Records-managers of the run, this one included. */
  readonly shards: number;
  readonly log: Logger;
  /** A channel to whoever writes a shard. Rejects when the signal aborts. */
  channelTo(shard: number, signal: AbortSignal): Promise<Channel>;
  /** One of them has said something new. */
  onChange(): void;
}

interface ShardState {
  readonly committed: number;
  readonly queued: number;
  readonly parts: readonly LivePart[];
}

const redialMs = 250;

export class ShardWatch {
  readonly #options: ShardWatchOptions;
  readonly #over = new AbortController();
  readonly #latest = new Map<number, ShardState>();

  constructor(options: ShardWatchOptions) {
    this.#options = options;
    for (let shard = 1; shard < options.shards; shard++) void this.#follow(shard);
  }

  get committed(): number {
    return [...this.#latest.values()].reduce((sum, { committed }) => sum + committed, 0);
  }

  get queued(): number {
    return [...this.#latest.values()].reduce((sum, { queued }) => sum + queued, 0);
  }

  /** Live figures of all phases of all of them. */
  parts(): LivePart[] {
    return [...this.#latest.values()].flatMap(({ parts }) => parts);
  }

  /** Requests of a phase that have ended at all of them. */
  endedRequests(phase: number): EndedRequests {
    const ended = { succeeded: 0, errored: 0 };
    for (const part of this.parts()) {
      if (part.phase !== phase) continue;
      ended.succeeded += part.succeeded;
      ended.errored += part.errored;
    }
    return ended;
  }

  close(): void {
    this.#over.abort();
  }

  /** Never rejects. */
  async #follow(shard: number): Promise<void> {
    const { runId, log, channelTo, onChange } = this.#options;
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        const client = createClient(ShardService, await channelTo(shard, signal));
        for await (const message of client.watchShard({ runId }, { signal })) {
          this.#latest.set(shard, stateOf(message));
          onChange();
        }
      } catch (error) {
        if (!signal.aborted) log.debug("a shard is not watched; dialling again", { shard, error: messageOf(error) });
      }
      // Aborted in the middle of it: the loop ends by its condition.
      await delay(redialMs, undefined, { signal }).catch(() => {});
    }
  }
}

function stateOf({ committed, queued, phases }: WatchShardResponse): ShardState {
  return {
    committed: Number(committed),
    queued: Number(queued),
    parts: phases.map(({ phase, succeeded, errored, cancelled, histograms }) => ({
      phase,
      succeeded: Number(succeeded),
      errored: Number(errored),
      cancelled: Number(cancelled),
      histograms: new Map(histograms.map(({ tag, sum, histogram }) => [tag, { sum, encoded: histogram }])),
    })),
  };
}
