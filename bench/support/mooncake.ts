/** A generated trace in the format of Mooncake's. */
import { open } from "node:fs/promises";
import { randomStream } from "../../services/common/random.ts";

export interface TraceShape {
  readonly rows: number;
  /** From one row's timestamp to the next one's. */
  readonly gapMs: number;
  readonly blockTokens: number;
  /** A prompt has between one block and so many, the last one cut. */
  readonly maxBlocks: number;
  readonly maxOutputTokens: number;
}

/** Rows that stand between two that share blocks. */
const sharers = 5000;
/** Names of blocks that one group of sharers has. */
const sharedNames = 32;
const ownNames = 1_000_000;
const rowsAtOnce = 10_000;

/** Writes it; of the same shape the same bytes. Returns its size in bytes. */
export async function writeMooncakeTrace(path: string, shape: TraceShape): Promise<number> {
  const random = randomStream(1, "trace");
  const file = await open(path, "w");
  for (let row = 0; row < shape.rows; ) {
    const lines: string[] = [];
    for (const end = Math.min(shape.rows, row + rowsAtOnce); row < end; row++) {
      const blocks = 1 + random.below(shape.maxBlocks);
      const shared = random.below(blocks);
      const ids = Array.from({ length: blocks }, (_, block) =>
        block < shared ? (row % sharers) * sharedNames + block : ownNames + row * sharedNames + block,
      );
      const trace = {
        timestamp: row * shape.gapMs,
        input_length: blocks * shape.blockTokens - random.below(shape.blockTokens),
        output_length: 1 + random.below(shape.maxOutputTokens),
        hash_ids: ids,
      };
      lines.push(`${JSON.stringify(trace)}\n`);
    }
    await file.write(lines.join(""));
  }
  const { size } = await file.stat();
  await file.close();
  return size;
}
