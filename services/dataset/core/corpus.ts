/**
 * Text with its token counts worked out beforehand, so that a prompt of an exact length is cut without a tokenizer.
 *
 * A tokenizer of the BPE family first splits text into words (its pre-tokens: a word with the space before it, a run of punctuation)
 * and then encodes each word by itself. A piece that begins and ends between words therefore has the sum of its words' tokens,
 * wherever it stands, while a cut inside a word may change the count.
 */
import { AssayError } from "../../common/errors.ts";

export interface Corpus {
  readonly text: string;
  /** Word i begins at `charStart[i]`; one more entry than words, the last is the text's length. */
  readonly charStart: Uint32Array;
  /** Tokens before word i; one more entry than words. A word may have none. */
  readonly tokenStart: Uint32Array;
  /** Words that may follow any other piece: a space and letters. Ascending. */
  readonly joins: Uint32Array;
  /** First words of sentences, whose leading space may be left off without a change of the count. Ascending. */
  readonly openings: Uint32Array;
  /** 1 where a piece may end with word i. */
  readonly canEnd: Uint8Array;
  /** Tokens of the shortest piece that begins a prompt, and of the shortest that continues one. */
  readonly leastOpening: number;
  readonly leastJoin: number;
}

/** One word of a corpus as its table holds it, in two bytes: length; tokens in the low half, marks in the high half. */
export interface CorpusWord {
  /** UTF-16 code units, 1 to 255. */
  readonly length: number;
  /** 1 to 15. */
  readonly tokens: number;
  readonly isJoin: boolean;
  readonly isOpening: boolean;
  readonly canEnd: boolean;
}

const joinMark = 0x10;
const openingMark = 0x20;
const endMark = 0x40;

/** The table of a corpus, two bytes a word. Throws `invalid_argument` for a word that does not fit. */
export function packWords(words: readonly CorpusWord[]): Uint8Array {
  const table = new Uint8Array(words.length * 2);
  for (const [index, word] of words.entries()) {
    if (word.length > 255 || word.tokens > 15) {
      throw new AssayError(
        "invalid_argument",
        `word ${index} has ${word.length} characters and ${word.tokens} tokens, limits are 255 and 15`,
      );
    }
    const marks = (word.isJoin ? joinMark : 0) | (word.isOpening ? openingMark : 0) | (word.canEnd ? endMark : 0);
    table[2 * index] = word.length;
    table[2 * index + 1] = word.tokens | marks;
  }
  return table;
}

/** A corpus from its text and its table. Throws `data_loss` when the two do not belong together. */
export function readCorpus(text: string, table: Uint8Array): Corpus {
  const words = table.length >> 1;
  const charStart = new Uint32Array(words + 1);
  const tokenStart = new Uint32Array(words + 1);
  const canEnd = new Uint8Array(words);
  const joins: number[] = [];
  const openings: number[] = [];
  for (let word = 0; word < words; word++) {
    const length = table[2 * word] as number;
    const entry = table[2 * word + 1] as number;
    charStart[word + 1] = (charStart[word] as number) + length;
    tokenStart[word + 1] = (tokenStart[word] as number) + (entry & 0x0f);
    if (entry & joinMark) joins.push(word);
    if (entry & openingMark) openings.push(word);
    if (entry & endMark) canEnd[word] = 1;
  }
  if (charStart[words] !== text.length) {
    throw new AssayError("data_loss", `corpus has ${text.length} characters, its table describes ${charStart[words]}`);
  }
  return measured({ text, charStart, tokenStart, canEnd, joins: Uint32Array.from(joins), openings: Uint32Array.from(openings) });
}

/** The corpus with what follows from its tables. */
export function measured(corpus: Tables): Corpus {
  return { ...corpus, leastOpening: leastTokens(corpus, corpus.openings), leastJoin: leastTokens(corpus, corpus.joins) };
}

type Tables = Omit<Corpus, "leastOpening" | "leastJoin">;

/** Tokens of the shortest piece that begins with any of these words, at least 1; Infinity: none of them begins one. */
export function leastTokens({ tokenStart, canEnd }: Tables, words: Uint32Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (const first of words) {
    let tokens = 0;
    for (let last = canEnd.indexOf(1, first); tokens === 0 && last >= 0; last = canEnd.indexOf(1, last + 1)) {
      tokens = (tokenStart[last + 1] as number) - (tokenStart[first] as number);
    }
    if (tokens > 0 && tokens < least) least = tokens;
    if (least === 1) break;
  }
  return least;
}

/** Words from `first` up to, not including, `end`. */
export interface Piece {
  readonly first: number;
  readonly end: number;
  readonly tokens: number;
}

/** The longest piece that begins with word `first` and has at most `maxTokens` tokens; undefined: not even one word fits. */
export function longestPiece(corpus: Corpus, first: number, maxTokens: number): Piece | undefined {
  const { tokenStart, canEnd } = corpus;
  const tokensBefore = tokenStart[first] as number;
  let end = lastAtMost(tokenStart, tokensBefore + maxTokens);
  while (end > first && canEnd[end - 1] === 0) end -= 1;
  return end > first ? { first, end, tokens: (tokenStart[end] as number) - tokensBefore } : undefined;
}

/** The piece's text, with its leading space. */
export function textOf(corpus: Corpus, piece: Piece): string {
  return corpus.text.slice(corpus.charStart[piece.first], corpus.charStart[piece.end]);
}

/** Index of the last entry that is at most `limit`; entries ascend and the first one is at most `limit`. */
function lastAtMost(entries: Uint32Array, limit: number): number {
  let low = 0;
  let high = entries.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((entries[middle] as number) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
