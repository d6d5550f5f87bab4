/** What the agents of a trace are called: as AIPerf calls them, so that sessions of the two can be told by the same names. Pure. */
import type { WekaChain, WekaChains } from "./weka-chains.ts";
import type { WekaCall } from "./weka-row.ts";

/** A request alone is an aid where its prompt is shorter than this, or than a tenth of the longest one of the agent that it is beside. */
const aidTokens = 16_384;
const aidShare = 0.1;
/** Or where a long prompt has so short an answer, and so much shorter a one. */
const digestTokens = 4000;
const digestRatio = 20;
/** Agents begun together are a group from so many on. */
const leastGroup = 3;

/**
 * What follows the name of the agent that these are beside, in their order: `aux:000` for a request alone that aids it, `wg:000_001` for
 * one of a group that works side by side on what it shares, `fa:002` for any other.
 */
export function agentNames({ main, others }: WekaChains): string[] {
  const groups = groupsOf(others);
  return others.map((chain, nth) => {
    if (isAid(chain, main)) return `aux:${padded(nth)}`;
    const place = groups.get(chain);
    return place === undefined ? `fa:${padded(nth)}` : `wg:${padded(place.group)}_${padded(place.member)}`;
  });
}

function padded(ordinal: number): string {
  return String(ordinal).padStart(3, "0");
}

function isAid({ calls }: WekaChain, main: WekaChain): boolean {
  const [only, second] = calls;
  if (only === undefined || second !== undefined) return false;
  const { model, inputTokens, outputTokens } = only;
  const longest = main.calls.reduce((most, call) => Math.max(most, call.inputTokens), 0);
  if (model !== main.calls[0]?.model || inputTokens < Math.max(aidTokens, Math.floor(aidShare * longest))) return true;
  return outputTokens < digestTokens && inputTokens > digestRatio * outputTokens;
}

interface GroupPlace {
  readonly group: number;
  readonly member: number;
}

/** Those that parted from the same request and were at work at the same time. */
function groupsOf(chains: readonly WekaChain[]): ReadonlyMap<WekaChain, GroupPlace> {
  const parted = Map.groupBy(
    chains.filter(({ fork }) => fork !== undefined),
    ({ fork }) => fork?.from,
  );
  const groups = [...parted.values()].flatMap(overlapping).filter(({ length }) => length >= leastGroup);
  groups.sort(([one], [other]) => startOf(one) - startOf(other));
  return new Map(groups.flatMap((group, nth) => group.map((chain, member) => [chain, { group: nth, member }] as const)));
}

/** Chains, by their begin, in runs within which there is always one under way. */
function overlapping(chains: readonly WekaChain[]): WekaChain[][] {
  const runs: WekaChain[][] = [];
  let endSec = Number.NEGATIVE_INFINITY;
  for (const chain of [...chains].sort((one, other) => startOf(one) - startOf(other))) {
    if (startOf(chain) < endSec) runs.at(-1)?.push(chain);
    else runs.push([chain]);
    endSec = Math.max(endSec, lastEndSec(chain.calls));
  }
  return runs;
}

function startOf(chain: WekaChain | undefined): number {
  return chain?.calls[0]?.atSec ?? 0;
}

/** When the last of them ended; −Infinity for none. */
export function lastEndSec(calls: readonly WekaCall[]): number {
  return calls.reduce((latest, { endSec }) => Math.max(latest, endSec), Number.NEGATIVE_INFINITY);
}
