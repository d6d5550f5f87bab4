/** Text of an exact number of tokens out of a corpus. Pure. */
import type { RandomStream } from "../../common/random.ts";
import { type Corpus, longestPiece, type Piece, textOf } from "./corpus.ts";

/**
 * The prompt's first tokens come from the start of a sentence, what follows from elsewhere, so that two prompts part within the
 * smallest block that servers' prefix caches keep (16 tokens).
 */
const openingTokens = 8;

/** The words of a corpus with which a prompt begins and goes on. */
export interface PromptStarts {
  readonly opening: number;
  readonly continuation: number;
}

/** Two draws: the first sentence, and where the text goes on. */
export function drawStarts(corpus: Corpus, random: RandomStream): PromptStarts {
  return { opening: drawFrom(corpus.openings, random), continuation: drawFrom(corpus.joins, random) };
}

/**
 * Text of `tokens` tokens, at least 1, that begins with a capital letter and no space. Pieces after the first two are drawn. It has
 * exactly that many where the corpus has pieces of one token; otherwise as near to it as pieces come.
 */
export function composePrompt(corpus: Corpus, tokens: number, starts: PromptStarts, random: RandomStream): string {
  let opening: Piece | undefined;
  const limit = Math.max(corpus.leastOpening, Math.min(tokens, openingTokens));
  // In a very short prompt the first word of the opening may not fit; then another one takes its place.
  for (let first = starts.opening; opening === undefined; first = drawFrom(corpus.openings, random)) {
    opening = longestPiece(corpus, first, limit);
  }
  let text = textOf(corpus, opening).trimStart();
  let left = tokens - opening.tokens;
  for (let first = starts.continuation; left >= corpus.leastJoin; first = drawFrom(corpus.joins, random)) {
    const piece = longestPiece(corpus, first, left);
    if (piece === undefined) continue;
    text += textOf(corpus, piece);
    left -= piece.tokens;
  }
  return text;
}

function drawFrom(words: Uint32Array, random: RandomStream): number {
  return words[random.below(words.length)] as number;
}

/** As `composePrompt`, with all its pieces drawn. */
export function composeText(corpus: Corpus, tokens: number, random: RandomStream): string {
  return composePrompt(corpus, tokens, drawStarts(corpus, random), random);
}
