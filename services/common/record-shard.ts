/**
 * Which records-manager of a run has the row of a credit. Ids go by blocks of neighbours, so that the columns that a file keeps of a block
 * (`store/column-chunks.ts`) are of one shard, and a worker's batch is mostly of one, too.
 */
import { IdRanges } from "./id-ranges.ts";

/** Credit ids that stay together. */
export const SHARD_BLOCK = 4096;
/** Records-managers of a run at most: SQLite attaches ten files to another. */
export const MAX_SHARDS = 8;

/** Always the same for the same id and count, so that a record that is sent again meets the row it may have. `size`: of a block. */
export function shardOf(creditId: number, count: number, size = SHARD_BLOCK): number {
  return count === 1 ? 0 : Math.floor(creditId / size) % count;
}

/** The ids among these that are of one shard, by blocks of `size`. */
export function idsOfShard(ids: IdRanges, shard: number, count: number, size = SHARD_BLOCK): IdRanges {
  if (count === 1) return ids;
  const own = new IdRanges();
  for (const { first, last } of ids.ranges()) {
    const block = Math.floor(first / size);
    const ahead = (((shard - block) % count) + count) % count;
    for (let at = (block + ahead) * size; at <= last; at += count * size) {
      own.addRange(Math.max(first, at), Math.min(last, at + size - 1));
    }
  }
  return own;
}

/** Folder of a shard's own file below that of the run; shard 0 has the run's. */
export function shardFolderName(shard: number): string {
  return `shard-${shard}`;
}
