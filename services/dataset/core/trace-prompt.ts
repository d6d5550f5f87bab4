/**
 * Prompts of traces, which tell lengths and names of blocks but no text. The text of a block is a function of the seed and its name
 * alone, so that prompts whose names begin alike begin alike to the byte, in any process. Pure but for the blocks that it keeps.
 */
import { randomStream } from "../../common/random.ts";
import { type Corpus, leastTokens, longestPiece, textOf } from "./corpus.ts";
import type { PromptRecipe } from "./formats/row.ts";

export interface PromptMaker {
  /** Text of exactly the recipe's tokens, as far as the corpus cuts exactly. `row`: of what no block names, its own. */
  text(recipe: PromptRecipe, row: number): string;
}

/** What a block's first pieces have at most: two blocks part within the smallest one that servers' prefix caches keep (16 tokens). */
const firstTokens = 6;
const secondTokens = 5;
/** Characters of blocks that are kept. */
const keptChars = 16 << 20;

export function promptMaker(corpus: Corpus, seed: number): PromptMaker {
  const seedOf = (label: string): number => randomStream(seed, "dataset", "trace", label).below(Number.MAX_SAFE_INTEGER);
  const seeds = { blocks: seedOf("blocks"), rows: seedOf("rows") };
  const starts = startsOf(corpus);
  const kept = new KeptTexts(keptChars);
  const blockOf = (id: number, tokens: number): string => {
    // Names have up to 64 bits, the numbers of a stream 53.
    const random = Number.isSafeInteger(id)
      ? randomStream(seeds.blocks, id)
      : randomStream(seeds.blocks, Math.floor(id / 4_294_967_296), id % 4_294_967_296);
    return composeBlock(corpus, starts, tokens, (bound) => random.below(bound));
  };
  const wholeBlock = (id: number, tokens: number): string => {
    const known = kept.get(id, tokens);
    if (known !== undefined) return known;
    const text = blockOf(id, tokens);
    kept.add(id, tokens, text);
    return text;
  };
  return {
    text({ inputTokens, blockIds, blockTokens }, row) {
      let text = "";
      let left = inputTokens;
      for (const id of blockIds) {
        text += left >= blockTokens ? wholeBlock(id, blockTokens) : blockOf(id, left);
        left -= blockTokens;
      }
      if (left > 0) {
        const random = randomStream(seeds.rows, row);
        text += composeBlock(corpus, starts, left, (bound) => random.below(bound));
      }
      const first = blockIds.length === 0 ? inputTokens : Math.min(inputTokens, blockTokens);
      return starts.canLoseSpace && first >= starts.leastTokens ? text.trimStart() : text;
    },
  };
}

/** The words that blocks begin with. */
interface BlockStarts {
  readonly words: Uint32Array;
  /** Tokens of the shortest piece that begins with one. */
  readonly leastTokens: number;
  /** Their leading space may be left off at the start of a text without a change of the count. */
  readonly canLoseSpace: boolean;
}

/** First words of sentences that may follow any other piece; any words that may where there are none. */
function startsOf(corpus: Corpus): BlockStarts {
  const joins = new Set(corpus.joins);
  const both = corpus.openings.filter((word) => joins.has(word));
  const words = both.length > 0 ? both : corpus.joins;
  return { words, leastTokens: leastTokens(corpus, words), canLoseSpace: both.length > 0 };
}

/**
 * Text of `tokens` tokens, at least 1, that begins with a space and may stand anywhere. With the same draws a shorter text is the
 * beginning of a longer one, but for its last words.
 */
function composeBlock(corpus: Corpus, starts: BlockStarts, tokens: number, draw: (bound: number) => number): string {
  // Joined at the end: what is put together piece by piece keeps its pieces for as long as it is kept itself, many times its own size.
  const pieces: string[] = [];
  let left = tokens;
  while (left >= corpus.leastJoin) {
    const isStart = pieces.length === 0 && left >= starts.leastTokens;
    const words = isStart ? starts.words : corpus.joins;
    const most = isStart
      ? Math.max(firstTokens, starts.leastTokens)
      : pieces.length === 1
        ? Math.max(secondTokens, corpus.leastJoin)
        : left;
    const piece = longestPiece(corpus, words[draw(words.length)] as number, Math.min(left, most));
    if (piece === undefined) continue;
    pieces.push(textOf(corpus, piece));
    left -= piece.tokens;
  }
  return pieces.join("");
}

/**
 * The texts that were asked for last, as many as there is room for. In two generations: when the young one is full it takes the place of
 * the old one, which costs nothing for each text, unlike taking out the oldest.
 */
class KeptTexts {
  readonly #maxChars: number;
  #young = new Map<number, string>();
  #old = new Map<number, string>();
  #tokens = 0;
  #chars = 0;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get(id: number, tokens: number): string | undefined {
    if (tokens !== this.#tokens) return undefined;
    const young = this.#young.get(id);
    if (young !== undefined) return young;
    const old = this.#old.get(id);
    if (old !== undefined) this.add(id, tokens, old);
    return old;
  }

  /** Blocks of another length take the place of those before. */
  add(id: number, tokens: number, text: string): void {
    if (tokens !== this.#tokens) {
      this.#young = new Map();
      this.#old = new Map();
      this.#tokens = tokens;
      this.#chars = 0;
    }
    this.#young.set(id, text);
    this.#chars += text.length;
    if (this.#chars <= this.#maxChars / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#chars = 0;
  }
}
