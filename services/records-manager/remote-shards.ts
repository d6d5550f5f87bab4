/** Files of shards that were written on other hosts: brought beside the run's own when the run has ended. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { ShardService } from "../../gen/assay/records_manager/v1/shard_service_pb.js";
import { AssayError, messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { createClient } from "../common/rpc/client.ts";
import { shardFilePath } from "./store/shard-files.ts";

export interface RemoteShardsOptions {
  readonly runId: string;
  /** Of the run. */
  readonly folder: string;
  /** Shards of the run. */
  readonly count: number;
  readonly log: Logger;
  /** A channel to whoever writes a shard. Rejects when the signal aborts. */
  channelTo(shard: number, signal: AbortSignal): Promise<Channel>;
}

/** For somebody to be there who has it. */
const joinMs = 20_000;
/** For the next bytes of a file to come. */
const silentMs = 60_000;
const dropMs = 10_000;
/** For whoever writes a shard to notice that the controller is gone, and to have taken what its workers still bring. */
const abandonedMs = 30_000;
/** For somebody to be there whose controller is gone. */
const goneMs = 2_000;

export class RemoteShards {
  readonly #options: RemoteShardsOptions;
  readonly #fetched: number[] = [];

  constructor(options: RemoteShardsOptions) {
    this.#options = options;
  }

  /** One after the other. Rejects with `unavailable`, naming the shard; what was fetched before stays. */
  async fetch(): Promise<void> {
    const { folder, count } = this.#options;
    for (let shard = 1; shard < count; shard++) {
      if (existsSync(shardFilePath(folder, shard))) continue;
      try {
        await this.#fetchOne(shard);
      } catch (error) {
        throw new AssayError("unavailable", `rows of shard ${shard} cannot be fetched: ${messageOf(error)}`, { cause: error });
      }
      this.#fetched.push(shard);
    }
  }

  /**
   * Of a run that lost its controller: waits until nobody writes the shards any more, and brings what can be reached here. Never rejects: what is missing then
   * is missing in the run.
   */
  async abandoned(): Promise<void> {
    const { runId, count, log } = this.#options;
    const late = AbortSignal.timeout(abandonedMs);
    const shards = Array.from({ length: count - 1 }, (_, index) => index + 1);
    await Promise.all(shards.map((shard) => this.#closed(shard, late)));
    if (count === 1) return;
    await this.fetch().catch((error: unknown) => log.warn(messageOf(error), { run_id: runId }));
  }

  /** Resolves when the shard is not written any more, or nobody is there who would, or the signal aborts. Never rejects. */
  async #closed(shard: number, signal: AbortSignal): Promise<void> {
    const { runId, channelTo } = this.#options;
    try {
      const channel = await channelTo(shard, AbortSignal.any([signal, AbortSignal.timeout(goneMs)]));
      for await (const _ of createClient(ShardService, channel).watchShard({ runId }, { signal })) {
        // It says something as long as it writes.
      }
    } catch {
      // It is gone, or does not know of the run any more: its file is closed either way.
    }
  }

  /** Those that were fetched, where they came from. Whoever does not answer keeps a file that nobody needs. Never rejects. */
  async drop(): Promise<void> {
    const { runId, log, channelTo } = this.#options;
    for (const shard of this.#fetched) {
      try {
        const channel = await channelTo(shard, AbortSignal.timeout(dropMs));
        await createClient(ShardService, channel).dropShard({ runId }, { timeoutMs: dropMs });
      } catch (error) {
        log.warn("a file of rows stays where it was written", { run_id: runId, shard, error: messageOf(error) });
      }
    }
  }

  async #fetchOne(shard: number): Promise<void> {
    const { runId, folder, channelTo } = this.#options;
    const path = shardFilePath(folder, shard);
    const channel = await channelTo(shard, AbortSignal.timeout(joinMs));
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), silentMs);
    mkdirSync(dirname(path), { recursive: true });
    const unfinished = `${path}.part`;
    const file = await open(unfinished, "w");
    try {
      for await (const { data } of createClient(ShardService, channel).readShard({ runId }, { signal: silent.signal })) {
        timer.refresh();
        await file.write(data);
      }
      await rename(unfinished, path);
    } catch (error) {
      rmSync(unfinished, { force: true });
      throw error;
    } finally {
      clearTimeout(timer);
      await file.close();
    }
  }
}
