/**
 * Synthetic conversations: prompts of exact token counts cut from a corpus. Turn t of conversation i is a function of the options,
 * i and t alone, so turns are made when they are asked for, in any order, by any process, and are the same everywhere.
 */
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import { permutation, type RandomStream, randomStream } from "../../common/random.ts";
import { type Corpus, longestPiece, type Piece, textOf } from "./corpus.ts";
import type { Dataset, TurnPlan } from "./turns.ts";

/** A normal distribution; what is drawn is rounded to whole numbers and raised to the least value that makes sense. */
export interface Distribution {
  readonly mean: number;
  /** 0: always the mean. */
  readonly stddev: number;
}

export interface SyntheticOptions {
  /** Conversations. */
  readonly size: number;
  readonly seed: number;
  /** Tokens of a turn's prompt, in the corpus's vocabulary, at least 1; chat templates come on top. */
  readonly inputTokens: Distribution;
  /** Output length to ask for, at least 1; undefined: none is asked for. */
  readonly outputTokens: Distribution | undefined;
  /** Turns of a conversation, at least 1. */
  readonly turns: Distribution;
  /** Pause before each turn but the first, at least 0. */
  readonly turnDelayMs: Distribution;
  /** Factor on every drawn pause. Default 1. */
  readonly turnDelayRatio?: number;
  /** Prompts have the planned length to the token, and need not be counted again. Default true. */
  readonly isExact?: boolean;
}

/**
 * The prompt's first tokens come from the start of a sentence, what follows from elsewhere, so that two prompts part within the
 * smallest block that servers' prefix caches keep (16 tokens).
 */
const openingTokens = 8;

/**
 * A dataset that makes its text on demand, some microseconds a prompt. Conversations begin alike only after every opening has met every
 * continuation of the corpus: after 5.8 million conversations with the built-in prose, for prompts of 16 tokens or more.
 */
export function syntheticDataset(corpus: Corpus, options: SyntheticOptions): Dataset {
  const { size, seed, isExact = true } = options;
  const openings = permutation(randomStream(seed, "dataset", "openings"), corpus.openings.length);
  const joins = permutation(randomStream(seed, "dataset", "joins"), corpus.joins.length);
  const startsOf = (conversation: number): PromptStarts => {
    const row = conversation % openings.length;
    const round = Math.floor(conversation / openings.length);
    return {
      opening: corpus.openings[openings[row] as number] as number,
      // In each round an opening meets another continuation: the pair is new until every continuation has been used.
      continuation: corpus.joins[joins[(row + round) % joins.length] as number] as number,
    };
  };
  const plan = (conversation: number) => planConversation(options, conversation);
  return {
    size,
    plan: isExact ? plan : (conversation) => plan(conversation).map((turn) => ({ ...turn, inputTokens: undefined })),
    messages: (conversation, turn): readonly ChatMessage[] => {
      const tokens = plan(conversation)[turn]?.inputTokens;
      if (tokens === undefined) return [];
      const random = randomStream(seed, "dataset", "text", conversation, turn);
      const starts = turn === 0 ? startsOf(conversation) : drawStarts(corpus, random);
      return [{ role: "user", content: composePrompt(corpus, tokens, starts, random) }];
    },
  };
}

function planConversation(options: SyntheticOptions, conversation: number): readonly TurnPlan[] {
  // A stream for each quantity: asking for other output lengths leaves the prompts as they are.
  const lengths = (label: string, distribution: Distribution, least: number) =>
    drawLengths(distribution, least, options.seed, label, conversation);
  const inputTokens = lengths("input_tokens", options.inputTokens, 1);
  const outputTokens = options.outputTokens && lengths("output_tokens", options.outputTokens, 1);
  const delayMs = lengths("turn_delay_ms", options.turnDelayMs, 0);
  const turns = lengths("turns", options.turns, 1)();
  const { turnDelayRatio = 1 } = options;
  return Array.from({ length: turns }, (_, turn) => ({
    inputTokens: inputTokens(),
    maxOutputTokens: outputTokens?.(),
    delayMs: turn === 0 ? 0 : delayMs() * turnDelayRatio,
  }));
}

/** Draws of one quantity of one conversation, rounded, at least `least`: a function of seed, label and conversation. */
export function drawLengths(
  { mean, stddev }: Distribution,
  least: number,
  seed: number,
  label: string,
  conversation: number,
): () => number {
  if (stddev === 0) return () => Math.max(least, Math.round(mean));
  const random = randomStream(seed, "dataset", label, conversation);
  return () => Math.max(least, Math.round(mean + stddev * random.normal()));
}

/** The words of a corpus with which a prompt begins and goes on. */
export interface PromptStarts {
  readonly opening: number;
  readonly continuation: number;
}

function drawStarts(corpus: Corpus, random: RandomStream): PromptStarts {
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
