/**
 * What prompts have in common at their beginnings. A prompt is cut into blocks of characters; the name of a block says all that
 * stands before it and in it, so that two blocks of one name have the same beginning, as in a target's prefix cache. Pure but for
 * what it keeps.
 */

/** About 64 tokens of English. */
export const blockChars = 256;
/** Names of blocks that are kept, about 100 MB. */
const maxBlocks = 1 << 20;

/** A prompt as far as it goes; what continues it is another one. */
export interface Prompt {
  readonly high: number;
  readonly low: number;
  readonly blocks: number;
  /** What does not fill a block yet. */
  readonly rest: string;
}

export const emptyPrompt: Prompt = { high: 0x811c9dc5, low: 0x9e3779b9, blocks: 0, rest: "" };

export interface SharingSummary {
  /** Requests that were looked at. */
  readonly requests: number;
  /** Their full blocks. */
  readonly blocks: number;
  /** Those that a request before had. */
  readonly sharedBlocks: number;
}

export class PrefixCounter {
  readonly #seen = new Set<number>();
  #requests = 0;
  #blocks = 0;
  #shared = 0;

  /** No request more is looked at. */
  get isFull(): boolean {
    return this.#seen.size >= maxBlocks;
  }

  /** Counts a request, whose prompt is what a request before sent and this text behind it. */
  add(before: Prompt, text: string): Prompt {
    let { high, low, blocks } = before;
    const whole = before.rest + text;
    let at = 0;
    let shared = before.blocks;
    for (; at + blockChars <= whole.length; at += blockChars) {
      for (let index = at; index < at + blockChars; index++) {
        const code = whole.charCodeAt(index);
        high = Math.imul(high ^ code, 0x01000193);
        low = Math.imul(low ^ code, 0x85ebca6b) + 1;
      }
      blocks++;
      // 53 bits, as whole numbers have them.
      const name = (high >>> 0) * 2 ** 21 + (low >>> 11);
      if (this.#seen.has(name)) shared++;
      else this.#seen.add(name);
    }
    this.#requests++;
    this.#blocks += blocks;
    this.#shared += shared;
    return { high, low, blocks, rest: whole.slice(at) };
  }

  summary(): SharingSummary {
    return { requests: this.#requests, blocks: this.#blocks, sharedBlocks: this.#shared };
  }
}
