/**
 * Sessions that begin others: which of them may begin after a turn, and which turn has to wait until others are over. A tree is a
 * session that was drawn and all that came of it. Pure but for what it keeps, which follows the trees that are open.
 */
import type { Credit } from "../../common/credits.ts";
import type { Branch } from "../../common/session-branches.ts";

/** How the conversations of a dataset branch. */
export interface SessionBranches {
  /** In the order of their turns; empty: it does not branch. */
  readonly of: (conversation: number) => readonly Branch[];
  readonly turnsOf: (conversation: number) => number;
  /** Its turns send nothing. */
  readonly isSilent: (conversation: number) => boolean;
}

/** A session of a tree that is not over. */
interface Session {
  readonly id: number;
  readonly conversation: number;
  readonly turns: number;
  readonly depth: number;
  readonly parent: Session | undefined;
  /** The tree: how many of its sessions are not over. */
  readonly tree: { readonly root: number; open: number };
  /** Turn of the parent that waits for it. */
  readonly joinAt: number | undefined;
  /** Whose target it shares: a fork its parent's, whose cache holds what it begins with. */
  readonly home: Home;
  /** By turn, how many children it waits for. */
  readonly waits: Map<number, number>;
  /** The last turn that came back, where the next one waits for children. */
  held: Credit | undefined;
}

export interface Home {
  readonly conversation: number;
  readonly session: number;
}

/** What a session that ended early leaves behind. */
export interface EarlyEnd {
  /** Requests that will not be made: its own, and those of children that never begin. */
  readonly turns: number;
  /** Sessions cut short or never begun; 0: it was over anyway. */
  readonly sessions: number;
  /** The parent's last turn, where its next one waited for this session alone. */
  readonly released: Credit | undefined;
}

export class SessionTrees {
  /** Most trees at once. */
  limit = Number.POSITIVE_INFINITY;
  readonly #branches: SessionBranches;
  readonly #phase: number;
  readonly #takeId: () => number;
  readonly #sessions = new Map<number, Session>();
  #open = 0;

  /** `takeId`: the id of one more session of the phase. */
  constructor(branches: SessionBranches, phase: number, takeId: () => number) {
    this.#branches = branches;
    this.#phase = phase;
    this.#takeId = takeId;
  }

  /** Trees that are not over. */
  get open(): number {
    return this.#open;
  }

  /** No further tree may begin. */
  get isFull(): boolean {
    return this.#open >= this.limit;
  }

  isSilent(conversation: number): boolean {
    return this.#branches.isSilent(conversation);
  }

  /** How many sessions begin with what has been said up to and with this turn. */
  forksAfter(conversation: number, turn: number): number {
    let forks = 0;
    for (const { mode, afterTurn, children } of this.#branches.of(conversation)) {
      if (mode === "fork" && afterTurn === turn) forks += children.length;
    }
    return forks;
  }

  /** Of a session that is not over. */
  homeOf(session: number): Home | undefined {
    return this.#sessions.get(session)?.home;
  }

  /** A session was drawn. Returns what begins together with it, as turns before first ones. */
  begin(conversation: number, turns: number, id: number): Credit[] {
    const root: Session = {
      id,
      conversation,
      turns,
      depth: 0,
      parent: undefined,
      tree: { root: id, open: 1 },
      joinAt: undefined,
      home: { conversation, session: id },
      waits: new Map(),
      held: undefined,
    };
    this.#sessions.set(id, root);
    this.#open++;
    return this.#beginChildren(root, -1);
  }

  /** A turn of a session came back, and more can be built on it. Returns the turns that others may follow now, a child's as −1. */
  played(credit: Credit): Credit[] {
    const session = this.#sessions.get(credit.sessionId);
    if (session === undefined) return [];
    const next = this.#beginChildren(session, credit.turn);
    const { turn } = credit;
    if (turn + 1 >= session.turns) {
      const released = this.#over(session);
      if (released !== undefined) next.push(released);
    } else if (session.waits.has(turn + 1)) session.held = credit;
    else next.push(credit);
    return next;
  }

  /** A session ends early: turns from `unplayed` on are not played, and what was to begin after `unbegun` or later does not begin. */
  end(id: number, unplayed: number, unbegun: number): EarlyEnd {
    const session = this.#sessions.get(id);
    if (session === undefined) return { turns: 0, sessions: 0, released: undefined };
    const never = this.#never(session, unbegun);
    const own = this.isSilent(session.conversation) ? 0 : Math.max(0, session.turns - unplayed);
    const isCut = session.turns > unplayed || never.sessions > 0;
    const released = this.#over(session);
    return { turns: own + never.turns, sessions: (isCut ? 1 : 0) + never.sessions, released };
  }

  #beginChildren(parent: Session, afterTurn: number): Credit[] {
    const begun: Credit[] = [];
    for (const branch of this.#branches.of(parent.conversation)) {
      if (branch.afterTurn !== afterTurn) continue;
      for (const conversation of branch.children) begun.push(...this.#beginChild(parent, branch, conversation));
    }
    return begun;
  }

  /** Returns the turn before its first, and those of what begins together with it. */
  #beginChild(parent: Session, { mode, joinAt, afterTurn }: Branch, conversation: number): Credit[] {
    const id = this.#takeId();
    const isFork = mode === "fork";
    const child: Session = {
      id,
      conversation,
      turns: this.#branches.turnsOf(conversation),
      depth: parent.depth + 1,
      parent,
      tree: parent.tree,
      joinAt,
      home: isFork ? parent.home : { conversation, session: id },
      waits: new Map(),
      held: undefined,
    };
    this.#sessions.set(id, child);
    parent.tree.open++;
    if (joinAt !== undefined) parent.waits.set(joinAt, (parent.waits.get(joinAt) ?? 0) + 1);
    const before: Credit = {
      id: 0,
      phase: this.#phase,
      conversation,
      turn: -1,
      turns: child.turns,
      sessionId: id,
      parentSession: parent.id,
      rootSession: parent.tree.root,
      agentDepth: child.depth,
      forkedAt: isFork ? afterTurn : undefined,
      countsTowardTarget: true,
      dueNs: Number.NEGATIVE_INFINITY,
      targetIndex: 0,
      index: 0,
    };
    return [before, ...this.#beginChildren(child, -1)];
  }

  /** Returns the parent's last turn where its next one has waited for this session alone. */
  #over({ id, parent, tree, joinAt }: Session): Credit | undefined {
    this.#sessions.delete(id);
    tree.open--;
    if (tree.open === 0) this.#open--;
    if (parent === undefined || joinAt === undefined) return undefined;
    const left = (parent.waits.get(joinAt) ?? 1) - 1;
    if (left > 0) {
      parent.waits.set(joinAt, left);
      return undefined;
    }
    parent.waits.delete(joinAt);
    const { held } = parent;
    if (held === undefined || held.turn + 1 !== joinAt) return undefined;
    parent.held = undefined;
    return held;
  }

  /** What a session would have begun after a turn or a later one of those that it has. */
  #never(
    { conversation, turns }: Pick<Session, "conversation" | "turns">,
    afterTurn: number,
  ): { turns: number; sessions: number } {
    const never = { turns: 0, sessions: 0 };
    for (const branch of this.#branches.of(conversation)) {
      if (branch.afterTurn < afterTurn || branch.afterTurn >= turns) continue;
      for (const child of branch.children) {
        const childTurns = this.#branches.turnsOf(child);
        const below = this.#never({ conversation: child, turns: childTurns }, -1);
        never.turns += (this.isSilent(child) ? 0 : childTurns) + below.turns;
        never.sessions += 1 + below.sessions;
      }
    }
    return never;
  }
}
