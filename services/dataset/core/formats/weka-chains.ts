/**
 * Which of the requests that stand side by side in a trace are of the same agent, by the blocks that their prompts begin with. An
 * agent's next request begins with all of its last one. One that shares only a part of it is either the same agent, whose context was
 * cut, or another one, begun with what they share: the same one if nothing ever goes on from the longer state. Pure.
 *
 * The rules and their bounds are AIPerf's, so that a trace falls into the same sessions.
 */
import { epsilonSec, type WekaCall } from "./weka-row.ts";

/** The requests of one agent, by time. */
export interface WekaChain {
  readonly calls: readonly WekaCall[];
  /** The request that it parted from, and how many blocks they share; undefined: it shares none with any. */
  readonly fork: { readonly from: WekaCall; readonly depth: number } | undefined;
}

/** At least one request each. */
export interface WekaChains {
  /** The one that the others are beside. */
  readonly main: WekaChain;
  /** In the order of their first requests. */
  readonly others: readonly WekaChain[];
}

/** Whoever begins so long after, and with less than such a share of the blocks, is another session. */
const maxGapSec = 3600;
const leastOverlap = 0.5;
/** Longest answer of a request that gives a session its title. */
const maxTitleTokens = 64;

/** @param calls at least one, in the order of the file */
export function chainsOf(calls: readonly WekaCall[]): WekaChains {
  const { preamble, rest } = withoutPreamble(calls);
  const ordered = [...rest].sort(byTime);
  const parting = new Parting();
  for (const call of ordered) parting.take(call);
  parting.join();
  // What names no block was put behind what came later to the same chain.
  for (const { calls: joined } of parting.chains) joined.sort(byTime);
  const chains = parting.chains.filter(({ isJoined }) => !isJoined);
  // The first request is in the first chain, and what is joined is joined to an earlier one.
  const [main, ...others] = chains as [Chain, ...Chain[]];
  const own = preamble === undefined ? main.calls : [preamble, ...main.calls];
  others.sort((one, other) => byTime(one.calls[0] as WekaCall, other.calls[0] as WekaCall));
  return { main: { calls: own, fork: main.fork }, others };
}

function byTime(one: WekaCall, other: WekaCall): number {
  return one.atSec - other.atSec || one.index - other.index;
}

/** The first request, where it only makes a title: it shares no beginning with another one, and is short or never comes back. */
function withoutPreamble(calls: readonly WekaCall[]): { readonly preamble?: WekaCall; readonly rest: readonly WekaCall[] } {
  const [first, ...others] = [...calls].sort(byTime) as [WekaCall, ...WekaCall[]];
  if (others.length === 0 || first.blockIds.length === 0) return { rest: calls };
  if (others.some(({ blockIds }) => sharedBlocks(first.blockIds, blockIds) > 0)) return { rest: calls };
  if (first.outputTokens > maxTitleTokens) {
    const own = new Set(first.blockIds);
    if (others.some(({ blockIds }) => blockIds.some((block) => own.has(block)))) return { rest: calls };
  }
  return { preamble: first, rest: others };
}

/** How many blocks two prompts begin with alike. */
function sharedBlocks(one: readonly number[], other: readonly number[]): number {
  const most = Math.min(one.length, other.length);
  let shared = 0;
  while (shared < most && one[shared] === other[shared]) shared++;
  return shared;
}

interface Chain {
  readonly calls: WekaCall[];
  fork: { readonly from: WekaCall; readonly depth: number } | undefined;
  /** The last request that names blocks. */
  tail: WekaCall | undefined;
  /** Another chain has it: it went on from there. */
  isJoined: boolean;
}

class Parting {
  readonly chains: Chain[] = [];
  readonly #chainOf = new Map<WekaCall, Chain>();
  /** Chains by the request that they parted from. */
  readonly #forks = new Map<WekaCall, Chain[]>();

  /** Requests by time. */
  take(call: WekaCall): void {
    const [first] = this.chains;
    if (first === undefined) this.#begin(call, undefined);
    // What names no block says nothing of whose it is.
    else if (call.blockIds.length === 0) this.#add(first, call);
    else this.#place(call, first);
  }

  #place(call: WekaCall, first: Chain): void {
    const whole = this.#continued(call);
    if (whole !== undefined) {
      this.#add(whole, call);
      return;
    }
    if (this.chains.every(({ tail }) => tail === undefined)) {
      this.#add(first, call);
      return;
    }
    const nearest = this.#nearest(call);
    const chain = this.#begin(call, nearest);
    if (nearest !== undefined) this.#forksOf(nearest.from).push(chain);
  }

  /** The chain whose last prompt is the whole beginning of this one; of several the longest. */
  #continued(call: WekaCall): Chain | undefined {
    let best: Chain | undefined;
    let most = 0;
    for (const chain of this.chains) {
      const { tail } = chain;
      const length = tail?.blockIds.length ?? 0;
      if (tail === undefined || length <= most || length > call.blockIds.length) continue;
      if (tail.model !== call.model || tail.endSec > call.atSec + epsilonSec) continue;
      if (sharedBlocks(tail.blockIds, call.blockIds) < length) continue;
      best = chain;
      most = length;
    }
    return best;
  }

  /** The last request of a chain that shares the most; of several the longest. */
  #nearest({ blockIds }: WekaCall): Chain["fork"] {
    let best: Chain["fork"];
    for (const { tail } of this.chains) {
      if (tail === undefined) continue;
      const depth = sharedBlocks(tail.blockIds, blockIds);
      if (depth === 0) continue;
      const isMore = best === undefined || depth > best.depth;
      const isLonger = best !== undefined && depth === best.depth && tail.blockIds.length > best.from.blockIds.length;
      if (isMore || isLonger) best = { from: tail, depth };
    }
    return best;
  }

  /** Joins to each chain that nothing goes on from the one that went on with a part of it, and so on from there. */
  join(): void {
    const open = new Set(this.#forks.keys());
    while (open.size > 0) {
      const from = [...open].reduce((earliest, call) => (call.index < earliest.index ? call : earliest));
      open.delete(from);
      const owner = this.#chainOf.get(from);
      if (owner === undefined || owner.tail !== from) continue;
      const left = this.#forksOf(from).filter(({ isJoined }) => !isJoined);
      const next = electedOf(from, left, this.chains);
      if (next === undefined) continue;
      owner.calls.push(...next.calls);
      for (const call of next.calls) this.#chainOf.set(call, owner);
      owner.tail = next.tail;
      next.isJoined = true;
      if (owner.tail !== undefined && this.#moveForks(left, owner.tail)) open.add(owner.tail);
    }
  }

  /** What parted from a state that has gone on is held against where it went. */
  #moveForks(chains: readonly Chain[], tail: WekaCall): boolean {
    let hasMoved = false;
    for (const chain of chains) {
      const depth = chain.isJoined ? 0 : sharedBlocks(tail.blockIds, (chain.calls[0] as WekaCall).blockIds);
      if (depth === 0) continue;
      chain.fork = { from: tail, depth };
      this.#forksOf(tail).push(chain);
      hasMoved = true;
    }
    return hasMoved;
  }

  #begin(call: WekaCall, fork: Chain["fork"]): Chain {
    const chain: Chain = { calls: [], fork, tail: undefined, isJoined: false };
    this.chains.push(chain);
    this.#add(chain, call);
    return chain;
  }

  #add(chain: Chain, call: WekaCall): void {
    chain.calls.push(call);
    this.#chainOf.set(call, chain);
    if (call.blockIds.length > 0) chain.tail = call;
  }

  #forksOf(call: WekaCall): Chain[] {
    const known = this.#forks.get(call) ?? [];
    this.#forks.set(call, known);
    return known;
  }
}

/** The one that shares the most, of those the earliest, among the ones that can be the same agent. */
function electedOf(from: WekaCall, forks: readonly Chain[], order: readonly Chain[]): Chain | undefined {
  const able = forks.filter(({ calls: [first], fork }) => {
    if (first === undefined || fork === undefined || first.model !== from.model) return false;
    const gapSec = first.atSec - from.endSec;
    return gapSec >= -epsilonSec && !(gapSec > maxGapSec && fork.depth / from.blockIds.length < leastOverlap);
  });
  able.sort((one, other) => {
    const deeper = (other.fork?.depth ?? 0) - (one.fork?.depth ?? 0);
    const earlier = (one.calls[0]?.atSec ?? 0) - (other.calls[0]?.atSec ?? 0);
    return deeper || earlier || order.indexOf(one) - order.indexOf(other);
  });
  return able[0];
}
