/**
 * The steps of a request on its connection, ns, each 0 where nothing had to be done for it. The names and their borders are AIPerf's
 * and k6's; a target that answers before it has taken the whole request ends `sending`. Undefined: it is not known when that was over.
 */
import type { RequestFacts } from "./metric.ts";

/** Waiting for a connection, without opening one. */
export function blockedNs(facts: RequestFacts): number | undefined {
  return facts.blockedNs;
}

/** Resolving the target's name. */
export function dnsNs({ dnsNs: resolvingNs }: RequestFacts): number {
  return resolvingNs ?? 0;
}

/** What else opening the connection took: TCP, TLS, and HTTP/2's first exchange. */
export function connectingNs(facts: RequestFacts): number {
  return (facts.connectNs ?? 0) - dnsNs(facts);
}

/** Sent to the last byte of the request with the kernel. */
export function sendingNs(facts: RequestFacts): number | undefined {
  const { writtenNs } = facts;
  return writtenNs === undefined ? undefined : Math.min(writtenNs, firstReadNs(facts));
}

/** That to the first byte of the answer's body. */
export function waitingNs(facts: RequestFacts): number | undefined {
  const sentNs = sendingNs(facts);
  return sentNs === undefined ? undefined : firstReadNs(facts) - sentNs;
}

/** That to the last byte of the body. */
export function receivingNs(facts: RequestFacts): number {
  return (facts.lastReadNs ?? firstReadNs(facts)) - firstReadNs(facts);
}

/** Waiting for a connection, name and opening together. */
export function overheadNs(facts: RequestFacts): number | undefined {
  const waitNs = blockedNs(facts);
  return waitNs === undefined ? undefined : waitNs + dnsNs(facts) + connectingNs(facts);
}

/** An answer without a body begins and ends with its head. */
function firstReadNs({ firstReadNs: readNs, firstByteNs, endNs }: RequestFacts): number {
  return readNs ?? firstByteNs ?? endNs;
}
