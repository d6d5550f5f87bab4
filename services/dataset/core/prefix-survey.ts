/** What the prompts of a trace have in common, by the names of their blocks. Pure but for what it keeps. */
import type { PromptRecipe } from "./formats/row.ts";
import { IdSet } from "./id-set.ts";

/**
 * A cache without bound that keeps blocks by their names: of a request it has those from its start on that requests before named, and
 * none behind the first that is new (what AIPerf's `analyze-trace` takes for a hit).
 */
export interface PrefixStats {
  /** Requests that name blocks. */
  readonly requests: number;
  /** Blocks of all of them. */
  readonly blocks: number;
  readonly uniqueBlocks: number;
  /** Blocks that the cache would have had; over `blocks`: its hit rate. */
  readonly sharedBlocks: number;
  /** Their tokens. */
  readonly sharedTokens: number;
  /** Mean over the requests of the share of their blocks that the cache would have had, 0 to 1. */
  readonly meanReuse: number;
}

export class PrefixSurvey {
  readonly #seen = new IdSet();
  #requests = 0;
  #blocks = 0;
  #sharedBlocks = 0;
  #sharedTokens = 0;
  #reuse = 0;

  /** The next request, in the order of their arrival. */
  add({ blockIds, inputTokens, blockTokens }: PromptRecipe): void {
    if (blockIds.length === 0) return;
    let shared = 0;
    while (shared < blockIds.length && this.#seen.has(blockIds[shared] as number)) shared++;
    for (let index = shared; index < blockIds.length; index++) this.#seen.add(blockIds[index] as number);
    this.#requests++;
    this.#blocks += blockIds.length;
    this.#sharedBlocks += shared;
    this.#sharedTokens += Math.min(inputTokens, shared * blockTokens);
    this.#reuse += shared / blockIds.length;
  }

  /** Undefined: no request names any block. */
  stats(): PrefixStats | undefined {
    if (this.#requests === 0) return undefined;
    return {
      requests: this.#requests,
      blocks: this.#blocks,
      uniqueBlocks: this.#seen.size,
      sharedBlocks: this.#sharedBlocks,
      sharedTokens: this.#sharedTokens,
      meanReuse: this.#reuse / this.#requests,
    };
  }
}
