/**
 * A prefix cache as an inference server has one: prompts are cut into blocks, each known by all the text up to its end, and the
 * blocks that were used last are kept. Pure.
 */

/** Characters of a block; of plain English, 16 tokens as this server counts them. */
export const blockChars = 64;
export const blockTokens = 16;

/** Keeps up to `capacityTokens` of the prompts seen last. */
export class PrefixCache {
  readonly #capacityBlocks: number;
  // A Map keeps the order of insertion: what was used last is put in again.
  readonly #blocks = new Map<number, true>();

  constructor(capacityTokens: number) {
    this.#capacityBlocks = Math.floor(capacityTokens / blockTokens);
  }

  /** How many tokens at the beginning of the prompts, in whole blocks, were there already; from now on all of them are. */
  admit(prompts: readonly string[]): number {
    let found = 0;
    for (const prompt of prompts) found += this.#admitOne(prompt);
    return found * blockTokens;
  }

  /** Forgets everything. */
  clear(): void {
    this.#blocks.clear();
  }

  #admitOne(prompt: string): number {
    const blocks = blocksOf(prompt);
    const missing = blocks.findIndex((block) => !this.#blocks.has(block));
    // From the end, so that the end is what is dropped first: without its beginning the rest of a prompt is of no use.
    for (const block of blocks.toReversed()) {
      this.#blocks.delete(block);
      this.#blocks.set(block, true);
    }
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#capacityBlocks) break;
      this.#blocks.delete(oldest);
    }
    return missing < 0 ? blocks.length : missing;
  }
}

/** 53 bits of a hash of everything up to the end of each whole block. */
function blocksOf(prompt: string): number[] {
  const blocks: number[] = [];
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (let end = blockChars; end <= prompt.length; end += blockChars) {
    for (let at = end - blockChars; at < end; at++) {
      const unit = prompt.charCodeAt(at);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit, 0x85ebca6b) ^ (high >>> 13);
    }
    blocks.push((high >>> 11) * 4_294_967_296 + (low >>> 0));
  }
  return blocks;
}
