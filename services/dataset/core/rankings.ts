/**
 * Synthetic rankings: a query and passages, named as in the rows of files, a turn of each conversation's own. As with prompts, a turn is
 * a function of the options and its index. Pure.
 */
import type { ContentPart } from "../../../endpoints/endpoint.ts";
import { randomStream } from "../../common/random.ts";
import type { Corpus } from "./corpus.ts";
import { type Distribution, drawLengths } from "./distributions.ts";
import { composeText } from "./prompt-text.ts";
import type { Dataset } from "./turns.ts";

export interface RankingsOptions {
  /** Conversations. */
  readonly size: number;
  readonly seed: number;
  /** Passages of a turn, at least 1. */
  readonly passages: Distribution;
  /** Tokens of a passage, at least 1. */
  readonly passageTokens: Distribution;
  /** Tokens of a query, at least 1. */
  readonly queryTokens: Distribution;
  /** Texts have the planned length to the token, and need not be counted again. */
  readonly isExact: boolean;
}

export function rankingsDataset(corpus: Corpus, options: RankingsOptions): Dataset {
  const { size, seed, isExact } = options;
  const lengthsOf = (conversation: number): { readonly query: number; readonly passages: readonly number[] } => {
    const passageTokens = drawLengths(options.passageTokens, 1, seed, "passage_tokens", conversation);
    return {
      query: drawLengths(options.queryTokens, 1, seed, "query_tokens", conversation)(),
      passages: Array.from({ length: drawLengths(options.passages, 1, seed, "passages", conversation)() }, passageTokens),
    };
  };
  return {
    size,
    plan(conversation) {
      const { query, passages } = lengthsOf(conversation);
      const tokens = passages.reduce((sum, passage) => sum + passage, query);
      return [{ inputTokens: isExact ? tokens : undefined, maxOutputTokens: undefined, delayMs: 0 }];
    },
    messages(conversation, turn) {
      if (turn !== 0) return [];
      const { query, passages } = lengthsOf(conversation);
      const text = (tokens: number, ...path: readonly (string | number)[]): string =>
        composeText(corpus, tokens, randomStream(seed, "dataset", ...path));
      const parts: readonly ContentPart[] = [
        { modality: "text", name: "query", content: text(query, "query", conversation) },
        ...passages.map(
          (tokens, index): ContentPart => ({
            modality: "text",
            name: "passages",
            content: text(tokens, "passage", conversation, index),
          }),
        ),
      ];
      return [{ role: "user", content: parts.map(({ content }) => content).join("\n"), parts }];
    },
  };
}
