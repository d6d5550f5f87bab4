/**
 * Failures on purpose: which kinds there are, and which request gets which. One draw decides a request's fate; it depends on
 * the seed and on the request's number alone. Pure.
 */
import { randomStream } from "../../services/common/random.ts";

/**
 * Where a failure takes hold. instead: there is no answer at all. before: what precedes the first byte. midway: after some of
 * the tokens, when the next would have been due. ending: all tokens come, what follows them is not whole.
 */
type FailurePlace = "instead" | "before" | "midway" | "ending";

interface FailureRow {
  readonly place: FailurePlace;
  readonly doc: string;
}

/** The kinds that are not HTTP statuses, and what a client sees of each. */
export const failureKinds = {
  reset: { place: "instead", doc: "the connection is reset before the first byte" },
  "not-http": { place: "instead", doc: "the answer is not HTTP, then the connection closes" },
  stall: { place: "before", doc: "nothing comes, not even a head, for `--stall`; then the connection closes" },
  slow: { place: "before", doc: "the first byte comes later by `--slow`; the answer is whole" },
  "reset-midway": { place: "midway", doc: "the connection is reset after some tokens" },
  "stall-midway": { place: "midway", doc: "nothing more comes after some tokens for `--stall`; then the connection closes" },
  cut: { place: "midway", doc: "the connection closes inside an HTTP chunk (or before `content-length` is reached)" },
  truncate: {
    place: "midway",
    doc: "the body ends after some tokens as if it were whole: no finish reason, no usage, no `[DONE]`",
  },
  garbage: {
    place: "midway",
    doc: "an event that is not JSON among the others, which all come; an answer that is not streamed is no JSON at all",
  },
  "error-event": {
    place: "midway",
    doc: "an `error` object as an event, then `[DONE]`; not streamed: as the body. The status is 200",
  },
  "no-usage": { place: "ending", doc: "usage is missing although it was asked for" },
  "no-done": { place: "ending", doc: "a stream without `[DONE]`; it has no effect on an answer that is not streamed" },
  "no-answer": { place: "ending", doc: "over gRPC a stream ends without a response; it has no effect over HTTP" },
  "after-final": { place: "ending", doc: "over gRPC a response after the last one; it has no effect over HTTP" },
} as const satisfies Readonly<Record<string, FailureRow>>;

export type NamedFailure = keyof typeof failureKinds;

/** What is to happen to one request. */
export interface Failure {
  /** `status`: the HTTP status `status` with an error body, at once. */
  readonly kind: NamedFailure | "status";
  /** 400…599 for the kind `status`, otherwise 0. */
  readonly status: number;
  /** How it is counted: the status, or the kind. */
  readonly name: string;
  /** Uniform in [0, 1): how much of the answer comes before a failure midway. */
  readonly part: number;
}

/** Rates from 0 to 1 by failure: a status from 400 to 599, or a kind. What is left of 1 is answered as usual. */
export type FailureRates = Readonly<Record<string, number>>;

/** Names of all kinds, for messages. */
export const failureNames: readonly string[] = ["400 to 599", ...Object.keys(failureKinds)];

/** Whether `name` is a kind of failure or a status from 400 to 599. */
export function isFailureName(name: string): boolean {
  return /^[45]\d\d$/.test(name) || Object.hasOwn(failureKinds, name);
}

/** Whether the failure leaves nothing of the answer to be made. */
export function isInstead({ kind }: Failure): boolean {
  return kind === "status" || failureKinds[kind].place === "instead";
}

/** After how many of `tokens` a failure takes hold; infinite unless it is one of those midway. */
export function tokensBefore(failure: Failure | undefined, tokens: number): number {
  if (failure === undefined || failure.kind === "status" || failureKinds[failure.kind].place !== "midway") {
    return Number.POSITIVE_INFINITY;
  }
  return 1 + Math.floor(failure.part * Math.max(1, tokens - 1));
}

/** Decides which requests fail. */
export class FailurePlan {
  readonly #seed: number;
  readonly #limits: readonly { readonly name: string; readonly upTo: number }[];

  /** The order in which the rates are given does not matter. They add up to 1 at most. */
  constructor(rates: FailureRates, seed: number) {
    this.#seed = seed;
    const order = [...Object.keys(rates).filter((name) => !Object.hasOwn(failureKinds, name)), ...Object.keys(failureKinds)];
    let upTo = 0;
    this.#limits = order.flatMap((name) => {
      const rate = rates[name] ?? 0;
      upTo += rate;
      return rate === 0 ? [] : [{ name, upTo }];
    });
  }

  /** What happens to the request with this number; `undefined`: it is answered as usual. */
  draw(ordinal: number): Failure | undefined {
    if (this.#limits.length === 0) return undefined;
    const random = randomStream(this.#seed, "mock failure", ordinal);
    const drawn = random.next();
    const name = this.#limits.find(({ upTo }) => drawn < upTo)?.name;
    if (name === undefined) return undefined;
    const status = Object.hasOwn(failureKinds, name) ? 0 : Number(name);
    return { kind: status > 0 ? "status" : (name as NamedFailure), status, name, part: random.next() };
  }
}
