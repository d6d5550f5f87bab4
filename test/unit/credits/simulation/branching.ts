/** Conversations that begin others, at random, for a simulated run. */
import type { Branch } from "../../../../services/common/session-branches.ts";
import type { SessionBranches } from "../../../../services/timing/core/session-trees.ts";
import type { Random } from "./clockwork.ts";

export interface Branching extends SessionBranches {
  /** Conversations, children included; the first ones are drawn. */
  readonly size: number;
  /** Requests of a session with so many turns and of all that it begins. */
  readonly requestsOf: (conversation: number, turns: number) => number;
}

/** Children come after all conversations that begin them, so that there is no circle; every third one sends nothing. */
export function randomBranching(random: Random, roots: number, maxTurns: number): Branching {
  const upTo = (n: number) => Math.floor(random() * n);
  const depths = [roots, 4, 2];
  const size = depths.reduce((sum, count) => sum + count, 0);
  const turns = Array.from({ length: size }, () => 1 + upTo(maxTurns));
  const silent = turns.map((_, conversation) => conversation < roots && conversation % 3 === 2);
  const branches = turns.map((): Branch[] => []);
  let from = 0;
  for (const [depth, count] of depths.slice(0, -1).entries()) {
    const children = Array.from({ length: depths[depth + 1]! }, (_, nth) => from + count + nth);
    for (let parent = from; parent < from + count; parent++) {
      const isSilent = silent[parent]!;
      if (isSilent) turns[parent] = 2 + upTo(2);
      for (let afterTurn = isSilent || random() < 0.9 ? 0 : -1; afterTurn < turns[parent]!; afterTurn++) {
        if (!isSilent && random() < 0.4) continue;
        const isFork = !isSilent && afterTurn >= 0 && random() < 0.5;
        const canJoin = !isFork && afterTurn >= 0 && afterTurn + 1 < turns[parent]!;
        const joinAt = canJoin ? afterTurn + 1 + upTo(turns[parent]! - afterTurn - 1) : undefined;
        // A fork has one parent; a spawn may have many.
        const named = isFork ? children.splice(0, 1) : children.slice(0, 1 + upTo(2));
        if (named.length > 0) branches[parent]!.push({ mode: isFork ? "fork" : "spawn", afterTurn, children: named, joinAt });
      }
    }
    from += count;
  }
  const requestsOf = (conversation: number, played: number): number => {
    let requests = silent[conversation] ? 0 : played;
    for (const { afterTurn, children } of branches[conversation]!) {
      if (afterTurn < played) for (const child of children) requests += requestsOf(child, turns[child]!);
    }
    return requests;
  };
  return {
    size,
    requestsOf,
    of: (conversation) => branches[conversation]!,
    turnsOf: (conversation) => turns[conversation]!,
    isSilent: (conversation) => silent[conversation]!,
  };
}
