import type { RecallScope } from "../../common/credits.ts";
import type { Member } from "./member.ts";
import { placeHolderOf } from "./phase.ts";
import type { PhaseRun } from "./phase-run.ts";
import { planTailRecall } from "./recall.ts";

/** Asks workers for credits that they have not sent; each answers one recall before it gets another. */
export class Recalls {
  #lastId = 0;

  /** In the tail of a closed loop of so many requests at once: what waits at one worker goes to free slots of others. */
  recallIdle(phase: PhaseRun, members: readonly Member[], concurrency: number): void {
    if (phase.spec.load.kind !== "closed" || concurrency === Number.POSITIVE_INFINITY) return;
    let freeSlots = 0;
    const by = placeHolderOf(phase.spec.load);
    for (const member of members) if (member.isReachable) freeSlots += Math.max(0, member.limit - member.occupancy(by));
    if (freeSlots === 0) return;
    const candidates = members.map(({ limit, issued, recall, isRecallable }) => ({
      limit,
      issued,
      recalling: recall?.count ?? 0,
      isRecallable,
    }));
    const plan = planTailRecall(candidates, freeSlots);
    if (plan === undefined) return;
    const member = members[plan.at] as Member;
    this.#recall(member, phase, { scope: { kind: "count", count: plan.count }, firstTurnsOnly: true, count: plan.count });
  }

  /** Asks for what is wanted of these, of those whose last recall is answered. */
  recallWanted(phase: PhaseRun, members: Iterable<Member>): void {
    for (const member of members) {
      const { wantedRecall: scope } = member;
      if (scope === undefined || member.recall !== undefined) continue;
      member.wantedRecall = undefined;
      this.#recall(member, phase, { scope, firstTurnsOnly: false, count: 0 });
    }
  }

  #recall(member: Member, phase: PhaseRun, { scope, firstTurnsOnly, count }: Asked): void {
    const id = ++this.#lastId;
    member.recall = { id, count };
    member.link.send({ kind: "recall", recallId: id, phase: phase.spec.index, scope, firstTurnsOnly });
  }
}

interface Asked {
  readonly scope: RecallScope;
  readonly firstTurnsOnly: boolean;
  /** How many are expected to come. */
  readonly count: number;
}

/** A wish that waits already was earlier, and so takes more. */
export function wantRecall(members: Iterable<Member>, scope: RecallScope): void {
  for (const member of members) member.wantedRecall ??= scope;
}
