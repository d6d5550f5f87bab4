/** What the rows of `dag_jsonl` say of each other: who begins whom, and what cannot be. Pure. */
import type { DagConversation } from "./dag-row.ts";
import type { RowProblem } from "./row.ts";

/** A conversation by its name that cannot be played beside the others. */
export interface TreeProblem {
  readonly sessionId: string;
  readonly problem: RowProblem;
}

export type DagConversations = ReadonlyMap<
  string,
  Pick<DagConversation, "sessionId" | "turns" | "branches" | "mode" | "isSilent">
>;

type Listed = DagConversations extends ReadonlyMap<string, infer One> ? One : never;

/** The first problem of each conversation, in the order of the file; none: every branch can be played. */
export function treeProblems(conversations: DagConversations): TreeProblem[] {
  const forkers = forkersOf(conversations);
  const problems: TreeProblem[] = [];
  for (const conversation of conversations.values()) {
    const problem = linkProblem(conversation, conversations, forkers) ?? ownProblem(conversation, forkers);
    if (problem !== undefined) problems.push({ sessionId: conversation.sessionId, problem });
  }
  // A circle through a conversation that there is not is none.
  return problems.length > 0 ? problems : circles(conversations);
}

/** The conversations that no other one begins. */
export function rootsOf(conversations: DagConversations): string[] {
  const begun = new Set<string>();
  for (const { branches } of conversations.values())
    for (const child of branches.flatMap(({ children }) => children)) begun.add(child);
  return [...conversations.keys()].filter((sessionId) => !begun.has(sessionId));
}

/** These and all that they begin, in the order of the file. */
export function reachedFrom(roots: readonly string[], conversations: DagConversations): string[] {
  const reached = new Set<string>();
  const open = [...roots];
  for (let sessionId = open.pop(); sessionId !== undefined; sessionId = open.pop()) {
    if (reached.has(sessionId)) continue;
    reached.add(sessionId);
    for (const { children } of conversations.get(sessionId)?.branches ?? []) open.push(...children);
  }
  return [...conversations.keys()].filter((sessionId) => reached.has(sessionId));
}

/** Where a conversation is forked: by whom, after which turn. */
type Forkers = ReadonlyMap<string, { readonly parent: string; readonly turn: number }>;

/** The first of each. */
function forkersOf(conversations: DagConversations): Forkers {
  const forkers = new Map<string, { parent: string; turn: number }>();
  for (const { sessionId, branches } of conversations.values()) {
    for (const { mode, afterTurn, children } of branches) {
      if (mode !== "fork") continue;
      for (const child of children) if (!forkers.has(child)) forkers.set(child, { parent: sessionId, turn: afterTurn });
    }
  }
  return forkers;
}

/** What is wrong with the children that a conversation names. */
function linkProblem(
  { sessionId, branches, isSilent }: Listed,
  conversations: DagConversations,
  forkers: Forkers,
): RowProblem | undefined {
  for (const { mode, afterTurn, children } of branches) {
    const field = isSilent ? "spawns" : afterTurn < 0 ? "pre_session_spawns" : "turns";
    const shownField = field === "turns" ? `turns[${afterTurn}].${mode}s` : field;
    for (const child of children) {
      const known = conversations.get(child);
      if (known === undefined) return { field, shownField, message: `there is no session ${child}` };
      const forker = forkers.get(child);
      if (mode === "fork" && (forker?.parent !== sessionId || forker.turn !== afterTurn)) {
        const first = `${forker?.parent} after turn ${forker?.turn}`;
        return {
          field,
          shownField,
          message: `${child} is forked by ${first}, too: a fork goes on with what one session has said`,
        };
      }
      if (mode === "fork" && known.mode === "message_array_with_responses") {
        const message = `${child} has the context_mode message_array_with_responses, which leaves out what a fork begins with`;
        return { field, shownField, message };
      }
      if (mode === "fork" && known.isSilent) {
        return { field, shownField, message: `${child} is an orchestrator, which says nothing: it can be spawned` };
      }
      if (afterTurn < 0 && forker !== undefined) {
        const message = `${child} is forked by ${forker.parent}, too, and here there is nothing said that it could begin with`;
        return { field, shownField, message };
      }
    }
  }
  return undefined;
}

/** What is wrong with a conversation by how it is begun. */
function ownProblem({ sessionId, turns, mode }: Listed, forkers: Forkers): RowProblem | undefined {
  const forker = forkers.get(sessionId);
  const hasSystem = turns[0].messages.some(({ role }) => role === "system");
  if (forker === undefined || !hasSystem || mode === "message_array_with_responses") return undefined;
  const message = `a system message has to be in the first turn of its session, and this one goes on with what ${forker.parent} has said`;
  return { field: "turns", shownField: "turns[0].messages", message };
}

/** One problem for each circle. */
function circles(conversations: DagConversations): TreeProblem[] {
  const problems: TreeProblem[] = [];
  const done = new Set<string>();
  for (const start of conversations.keys()) {
    const path: string[] = [];
    const open: (readonly [sessionId: string, depth: number])[] = [[start, 0]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [sessionId, depth] = next;
      for (const left of path.splice(depth)) done.add(left);
      if (path.includes(sessionId)) {
        const circle = [...path.slice(path.indexOf(sessionId)), sessionId];
        const { isSilent = false } = conversations.get(circle.at(-2) ?? sessionId) ?? {};
        const problem = {
          field: isSilent ? "spawns" : "turns",
          message: `sessions begin each other in a circle: ${circle.join(" → ")}`,
        };
        problems.push({ sessionId: circle.at(-2) ?? sessionId, problem });
        continue;
      }
      if (done.has(sessionId)) continue;
      path.push(sessionId);
      for (const { children } of conversations.get(sessionId)?.branches ?? []) {
        for (const child of children) open.push([child, path.length]);
      }
    }
    for (const left of path) done.add(left);
  }
  return problems;
}
