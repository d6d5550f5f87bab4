/** What one model has done, as plain numbers: cheap to count, read when somebody asks for the metrics page. Pure. */
import type { AnswerRequest } from "../text/request.ts";

/** How an answer ended, in vLLM's words: whole (stop, length), the client or a failure cut it (abort), an error inside it. */
export type FinishedReason = "stop" | "length" | "abort" | "error";

const requestSec = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const firstTokenSec = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const tokenSec = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const tokenCounts = [0, 1, 2, 3, 4, 5, 6].flatMap((exponent) => [1, 2, 5].map((digit) => digit * 10 ** exponent)).slice(0, 19);

/** Counts of values by upper bound, as Prometheus has them, but not cumulative. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last is above all of them. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array(bounds.length + 1).fill(0);
  }

  /** Counts a value `times` times. */
  observe(value: number, times = 1): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    counts[bucket] = (counts[bucket] as number) + times;
    this.sum += value * times;
  }
}

/** Readings of an answer that came whole, in monotonic ns. */
export interface AnswerTimes {
  readonly receivedNs: number;
  /** When its turn had come. */
  readonly startNs: number;
  readonly firstNs: number;
  readonly endNs: number;
}

export class Meter {
  running = 0;
  waiting = 0;
  /** Tokens of the answers in progress, prompts included. */
  heldTokens = 0;
  promptTokens = 0;
  cachedTokens = 0;
  /** Prompt tokens that were looked up in the prefix cache. */
  lookedUpTokens = 0;
  generationTokens = 0;
  readonly finished: Record<FinishedReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly firstToken = new Histogram(firstTokenSec);
  readonly interToken = new Histogram(tokenSec);
  readonly perOutputToken = new Histogram(tokenSec);
  readonly latency = new Histogram(requestSec);
  readonly queue = new Histogram(requestSec);
  readonly prefill = new Histogram(requestSec);
  readonly decode = new Histogram(requestSec);
  readonly inference = new Histogram(requestSec);
  readonly prompt = new Histogram(tokenCounts);
  readonly generation = new Histogram(tokenCounts);

  /** The prompt is worked off, and each of the request's choices has its first `tokens` tokens. */
  first(request: AnswerRequest, tokens: number, sinceReceivedNs: number): void {
    this.promptTokens += request.promptTokens;
    if (request.cachedTokens !== undefined) {
      this.lookedUpTokens += request.promptTokens;
      this.cachedTokens += request.cachedTokens;
    }
    if (request.isData === true) return;
    this.firstToken.observe(sinceReceivedNs / 1e9);
    this.further(request, tokens - 1, 0);
    this.generationTokens += request.choices;
  }

  /** Each choice has `tokens` more, `sinceNs` after the last ones. What comes together shares that time. */
  further({ choices, isData }: AnswerRequest, tokens: number, sinceNs: number): void {
    if (tokens === 0 || isData === true) return;
    this.generationTokens += tokens * choices;
    this.interToken.observe(sinceNs / 1e9 / tokens, tokens * choices);
  }

  /** An answer came whole. */
  whole(request: AnswerRequest, { receivedNs, startNs, firstNs, endNs }: AnswerTimes): void {
    this.finished[request.finishReason]++;
    const tokens = request.tokens * request.choices;
    this.latency.observe((endNs - receivedNs) / 1e9);
    this.queue.observe((startNs - receivedNs) / 1e9);
    this.prefill.observe((firstNs - startNs) / 1e9);
    this.decode.observe((endNs - firstNs) / 1e9);
    this.inference.observe((endNs - startNs) / 1e9);
    this.prompt.observe(request.promptTokens);
    if (request.isData === true) return;
    if (request.tokens > 1) this.perOutputToken.observe((endNs - firstNs) / 1e9 / (request.tokens - 1));
    this.generation.observe(tokens);
  }
}
