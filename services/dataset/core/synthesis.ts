/**
 * Synthetic conversations: prompts of exact token counts cut from a corpus. Turn t of conversation i is a function of the options,
 * i and t alone, so turns are made when they are asked for, in any order, by any process, and are the same everywhere.
 */
import type { ChatMessage, ContentPart } from "../../../endpoints/endpoint.ts";
import { permutation, type RandomStream, randomStream } from "../../common/random.ts";
import type { Corpus } from "./corpus.ts";
import { type Distribution, drawLength, drawLengths, pick } from "./distributions.ts";
import { noPreface, type PrefaceOptions, prefaceOf } from "./preface.ts";
import { composePrompt, composeText, drawStarts, type PromptStarts } from "./prompt-text.ts";
import type { TemplateTokens } from "./template-tokens.ts";
import type { Dataset, TurnPlan } from "./turns.ts";

/** One row of a joint length distribution. */
export interface LengthPair {
  readonly inputTokens: Distribution;
  /** Undefined: none is asked for. */
  readonly outputTokens: Distribution | undefined;
  readonly weight: number;
}

export interface SyntheticOptions {
  /** Conversations. */
  readonly size: number;
  readonly seed: number;
  /** Tokens of a turn's prompt, in the corpus's vocabulary, at least 1; chat templates come on top. */
  readonly inputTokens: Distribution;
  /** Output length to ask for, at least 1; undefined: none is asked for. */
  readonly outputTokens: Distribution | undefined;
  /** Lengths that are drawn together, by weight, in place of the two above; empty or absent: they are not. */
  readonly lengthMix?: readonly LengthPair[];
  /** Text in front of a conversation's first prompt, besides its own length. Default: none. */
  readonly preface?: PrefaceOptions;
  /** Turns of a conversation, at least 1. */
  readonly turns: Distribution;
  /** Pause before each turn but the first, at least 0. */
  readonly turnDelayMs: Distribution;
  /** Factor on every drawn pause. Default 1. */
  readonly turnDelayRatio?: number;
  /** What stands around prompts in the model's chat template, and is part of the lengths asked for. Default: nothing. */
  readonly overhead?: TemplateTokens;
  /** Prompts have the planned length to the token, and need not be counted again. Default true. */
  readonly isExact?: boolean;
  /** Texts of a turn, each of a length of its own, but all of one where lengths are drawn together; 0: none. Default 1. Only with 1 is there text in front. */
  readonly textBatchSize?: number;
}

/**
 * A dataset that makes its text on demand, some microseconds a prompt. Conversations begin alike only after every opening has met every
 * continuation of the corpus: after 5.8 million conversations with the built-in prose, for prompts of 16 tokens or more.
 */
export function syntheticDataset(corpus: Corpus, options: SyntheticOptions): Dataset {
  const { size, seed, isExact = true, textBatchSize = 1 } = options;
  const preface = prefaceOf(corpus, seed, options.preface ?? noPreface);
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
    plan: (conversation) =>
      plan(conversation).map(({ promptTokens, moreTokens, ...turn }, index) => ({
        ...turn,
        inputTokens:
          isExact && textBatchSize > 0 ? promptTokens + sum(moreTokens) + (index === 0 ? preface.tokens : 0) : undefined,
      })),
    messages: (conversation, turn): readonly ChatMessage[] => {
      const planned = plan(conversation)[turn];
      if (planned === undefined) return [];
      if (textBatchSize === 0) return [{ role: "user", content: "" }];
      const random = randomStream(seed, "dataset", "text", conversation, turn);
      const starts = turn === 0 ? startsOf(conversation) : drawStarts(corpus, random);
      const prompt = composePrompt(corpus, planned.promptTokens, starts, random);
      if (textBatchSize > 1) {
        const more = planned.moreTokens.map((tokens, index) =>
          composeText(corpus, tokens, randomStream(seed, "dataset", "more_text", conversation, turn, index)),
        );
        return [messageOfTexts([prompt, ...more])];
      }
      return turn === 0 ? preface.messagesOf(conversation, prompt) : [{ role: "user", content: prompt }];
    },
  };
}

/** A message of several texts. */
function messageOfTexts(texts: readonly string[]): ChatMessage {
  const parts = texts.map((content): ContentPart => ({ modality: "text", content }));
  return { role: "user", content: texts.join("\n"), parts };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

interface PromptPlan extends Omit<TurnPlan, "inputTokens"> {
  /** Tokens of the prompt, without what stands in front of it. */
  readonly promptTokens: number;
  /** Of the texts beside it. */
  readonly moreTokens: readonly number[];
}

function planConversation(options: SyntheticOptions, conversation: number): readonly PromptPlan[] {
  const { seed, turnDelayRatio = 1, overhead = { first: 0, later: 0 }, inputTokens, textBatchSize = 1 } = options;
  const lengths = pairDraws(options, conversation);
  const delayMs = drawLengths(options.turnDelayMs, 0, seed, "turn_delay_ms", conversation);
  const turns = drawLengths(options.turns, 1, seed, "turns", conversation)();
  const isMixed = (options.lengthMix ?? []).length > 0;
  const moreTokens = textBatchSize > 1 && !isMixed ? drawLengths(inputTokens, 1, seed, "more_tokens", conversation) : undefined;
  return Array.from({ length: turns }, (_, turn) => {
    const { promptTokens, maxOutputTokens } = lengths();
    return {
      promptTokens: Math.max(1, promptTokens - (turn === 0 ? overhead.first : overhead.later)),
      moreTokens: Array.from({ length: Math.max(0, textBatchSize - 1) }, () => moreTokens?.() ?? promptTokens),
      maxOutputTokens,
      delayMs: turn === 0 ? 0 : delayMs() * turnDelayRatio,
    };
  });
}

/** Lengths of one turn after the other. A stream for each quantity: asking for other output lengths leaves the prompts as they are. */
function pairDraws(
  { seed, inputTokens, outputTokens, lengthMix = [] }: SyntheticOptions,
  conversation: number,
): () => Pick<PromptPlan, "promptTokens" | "maxOutputTokens"> {
  if (lengthMix.length === 0) {
    const input = drawLengths(inputTokens, 1, seed, "input_tokens", conversation);
    const output = outputTokens && drawLengths(outputTokens, 1, seed, "output_tokens", conversation);
    return () => ({ promptTokens: input(), maxOutputTokens: output?.() });
  }
  const [pairs, input, output] = ["length_mix", "input_tokens", "output_tokens"].map((label) =>
    randomStream(seed, "dataset", label, conversation),
  ) as [RandomStream, RandomStream, RandomStream];
  return () => {
    const pair = pick(lengthMix, pairs) ?? { inputTokens, outputTokens };
    return {
      promptTokens: drawLength(pair.inputTokens, 1, input),
      maxOutputTokens: pair.outputTokens && drawLength(pair.outputTokens, 1, output),
    };
  };
}
