/**
 * TTFT, TPOT, ITL and E2E of one streamed request by the formulas of other tools. Pure. Tools mean different things by these names: the
 * same bytes give a TPOT of 12 ms here and of 33 ms there.
 */

import type { Definition } from "../../common/tool-definitions.ts";

/** What an event of a stream carries. `role`: a choice without content; `finish`: the same with a finish reason; `end`: the last line of all. */
export type EventKind = "role" | "reasoning" | "content" | "finish" | "usage" | "end";

export interface StreamEvent {
  readonly kind: EventKind;
  /** ns after the request was sent, ascending. */
  readonly ns: number;
  /** Tokens of its text; absent: one. */
  readonly tokens?: number;
}

export interface StreamFacts {
  readonly events: readonly StreamEvent[];
  /** ns after it was sent: due (negative where it was sent late), 0 where nothing was due; and its last byte. */
  readonly dueNs: number;
  readonly endNs: number;
  /** All output tokens, and those that are no reasoning; undefined: not known. */
  readonly tokens: number | undefined;
  readonly contentTokens: number | undefined;
}

/** A figure with what it weighs among the others of a run. */
export interface Weighted {
  readonly ms: number;
  readonly weight: number;
}

export interface DefinedFigures {
  readonly ttft: readonly Weighted[];
  readonly tpot: readonly Weighted[];
  readonly itl: readonly Weighted[];
  readonly e2e: readonly Weighted[];
}

/** Names for a table, in its order. */
export const FIGURES = ["ttft", "tpot", "itl", "e2e"] as const;

/** Whether percentiles are the least value that is not passed for a share of the weight; else they interpolate linearly. */
export function isRanked(definition: Definition): boolean {
  return definition === "guidellm" || definition === "mlperf";
}

/** Whether a request has a value of it for each of its chunks, a time between two stamps and so whole µs; of all others it has one at most. */
export function isOfGaps(definition: Definition, figure: (typeof FIGURES)[number]): boolean {
  return figure === "itl" && (definition === "vllm" || definition === "sglang" || definition === "inference-perf");
}

/** What a tool would say of a request that succeeded. A figure that it would not have is empty. */
export function definedFigures(
  definition: Definition,
  { events, dueNs, endNs, tokens, contentTokens }: StreamFacts,
): DefinedFigures {
  const of = (...kinds: EventKind[]): StreamEvent[] => events.filter(({ kind }) => kinds.includes(kind));
  const withText = of("reasoning", "content");
  const content = of("content");
  const firstText = withText[0]?.ns;
  const lastText = withText.at(-1)?.ns;
  const firstContent = content[0]?.ns;
  const lastContent = content.at(-1)?.ns;
  switch (definition) {
    case "aiperf": {
      const itl = perToken(firstText, lastText, tokens, 1);
      return { ttft: one(firstText), tpot: [], itl, e2e: one(lastText) };
    }
    case "genai-perf": {
      const itl = perToken(firstContent, lastContent, contentTokens, 1);
      return { ttft: one(firstContent), tpot: [], itl, e2e: one(lastContent) };
    }
    case "vllm": {
      const chunks = of("role", "reasoning", "content", "finish");
      const [first, last] = [chunks[0]?.ns, chunks.at(-1)?.ns];
      // A single token has a TPOT of 0 in its goodput, and none in its statistics.
      const tpot = perToken(first, last, tokens, 1);
      return { ttft: one(first), tpot, itl: gaps(chunks), e2e: one(last) };
    }
    case "sglang": {
      const last = events.at(-1)?.ns;
      return { ttft: one(firstText), tpot: perToken(firstText, last, tokens, 1), itl: gaps(withText), e2e: one(last) };
    }
    case "guidellm": {
      const tpot = weighted(perToken(0, lastText, tokens, 0), tokens);
      const itl = weighted(perToken(firstText, lastText, tokens, 1), tokens === undefined ? undefined : tokens - 1);
      return { ttft: one(firstText), tpot, itl, e2e: one(endNs) };
    }
    case "inference-perf": {
      const tpot = perToken(firstContent, lastContent, contentTokens, 1);
      return { ttft: content.length < 2 ? [] : one(firstContent), tpot, itl: gaps(expanded(content)), e2e: one(endNs) };
    }
    case "llmperf":
      return { ttft: one(firstContent), tpot: [], itl: perToken(0, lastContent, contentTokens, 0), e2e: one(endNs) };
    case "mlperf": {
      const due = (ns: number | undefined): number | undefined => (ns === undefined ? undefined : ns - dueNs);
      const tpot = perToken(firstContent, lastContent, tokens, 1);
      return { ttft: one(due(firstContent)), tpot, itl: [], e2e: one(due(lastContent)) };
    }
  }
}

function one(ns: number | undefined): Weighted[] {
  return ns === undefined ? [] : [{ ms: ns / 1e6, weight: 1 }];
}

/** (to − from) / (tokens − `less`). */
function perToken(from: number | undefined, to: number | undefined, tokens: number | undefined, less: number): Weighted[] {
  if (from === undefined || to === undefined || tokens === undefined || tokens - less <= 0) return [];
  return one((to - from) / (tokens - less));
}

function weighted(figures: readonly Weighted[], weight: number | undefined): Weighted[] {
  return figures.map(({ ms }) => ({ ms, weight: weight ?? 1 }));
}

function gaps(events: readonly StreamEvent[]): Weighted[] {
  return events.slice(1).flatMap(({ ns }, index) => one(ns - (events[index]?.ns ?? ns)));
}

/** A token each, those of one event at the same moment. */
function expanded(events: readonly StreamEvent[]): StreamEvent[] {
  return events.flatMap((event) => new Array<StreamEvent>(event.tokens ?? 1).fill(event));
}
