/** Accounts for an answer that goes out as one piece. */
import type { AnswerHost, Arrival } from "./answer.ts";

/** Readings of the monotonic clock in ns. */
export interface BeginTimes {
  /** When the answer's turn had come. */
  readonly startNs: number;
  /** When its first token was due. */
  readonly firstNs: number;
}

/** A whole answer is about to go out. */
export function countWhole(host: AnswerHost, arrival: Arrival, { startNs, firstNs }: BeginTimes): void {
  const { request, identity, meter } = arrival;
  const { receivedNs } = identity;
  const endNs = host.now();
  meter.first(request, 1, firstNs - receivedNs);
  meter.further(request, request.tokens - 1, endNs - firstNs);
  meter.whole(request, { receivedNs, startNs, firstNs, endNs });
  host.ended(arrival, "completed", heldBy(arrival), request.finishReason);
}

/** What a whole answer holds of the KV cache from beginning to end. */
export function heldBy({ request }: Pick<Arrival, "request">): number {
  return request.promptTokens + request.tokens * request.choices;
}
