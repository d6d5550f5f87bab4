/** A dataset looked at, in steps, so that whoever carries it out can do something else between. Pure but for its own progress. */
import type { Dataset, Turn } from "../turns.ts";
import { LengthCollector, type LengthSummary } from "./length-summary.ts";
import { MediaCollector, type MediaSummary } from "./media-summary.ts";
import { emptyPrompt, PrefixCounter, type Prompt, type SharingSummary } from "./prefix-sharing.ts";
import { textsOfTurn } from "./turn-text.ts";

export interface DescribeOptions {
  /** Tokens of a text; undefined: nothing is counted. */
  readonly count: ((text: string) => number) | undefined;
  /** Turns whose texts are read, about; of more an even part. Default: 20 000. */
  readonly maxTurns?: number;
}

export interface Described {
  readonly inputTokens: LengthSummary | undefined;
  readonly outputTokens: LengthSummary | undefined;
  readonly turns: LengthSummary | undefined;
  readonly prefixes: SharingSummary;
  /** Of media that do not have to be made. */
  readonly media: readonly MediaSummary[];
}

const defaultMaxTurns = 20_000;

/** Each step is a conversation; it yields their number so far. */
export function* describeDataset(dataset: Dataset, options: DescribeOptions): Generator<number, Described> {
  const { count, maxTurns = defaultMaxTurns } = options;
  const lengths = { input: new LengthCollector(), output: new LengthCollector(), turns: new LengthCollector() };
  const prefixes = new PrefixCounter();
  const media = new MediaCollector();
  // Whole conversations, so that their histories are known.
  const step = Math.max(1, Math.ceil(dataset.size / maxTurns));
  let sharedTurns = 0;
  for (let conversation = 0; conversation < dataset.size; conversation++) {
    const plans = dataset.plan(conversation);
    lengths.turns.add(plans.length);
    for (const { maxOutputTokens } of plans) if (maxOutputTokens !== undefined) lengths.output.add(maxOutputTokens);
    const isMeasured = conversation % step === 0;
    const isShared = sharedTurns < maxTurns && !prefixes.isFull;
    if (isMeasured || isShared) {
      let prompt = emptyPrompt;
      for (const [index, plan] of plans.entries()) {
        const turn = { ...plan, messages: dataset.messages(conversation, index), ...dataset.details?.(conversation, index) };
        const texts = textsOfTurn(turn);
        if (isMeasured) {
          addLength(lengths.input, turn, texts, count);
          media.add(turn.messages);
        }
        if (isShared) prompt = prefixes.add(beginningOf(turn, prompt), texts.map((text) => `${text}\n`).join(""));
      }
      if (isShared) sharedTurns += plans.length;
    }
    yield conversation + 1;
  }
  return {
    inputTokens: lengths.input.summary(),
    outputTokens: lengths.output.summary(),
    turns: lengths.turns.summary(),
    prefixes: prefixes.summary(),
    media: media.summary(),
  };
}

function addLength(lengths: LengthCollector, turn: Turn, texts: readonly string[], count: DescribeOptions["count"]): void {
  if (turn.inputTokens !== undefined) lengths.add(turn.inputTokens);
  else if (count !== undefined) lengths.add(texts.reduce((sum, text) => sum + count(text), 0));
}

/** What stands in front of a turn's own messages. */
function beginningOf({ isSelfContained, resetsHistory, rawBody }: Turn, before: Prompt): Prompt {
  return isSelfContained || resetsHistory || rawBody !== undefined ? emptyPrompt : before;
}
