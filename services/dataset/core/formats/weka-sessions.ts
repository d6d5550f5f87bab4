/** From a recorded trace to the sessions that it was: one that is drawn, and the agents that it began. Pure. */
import type { PromptRecipe, Row, RowBranch, RowProblem, RowTurn } from "./row.ts";
import { agentNames, lastEndSec } from "./weka-agents.ts";
import { chainsOf, type WekaChain } from "./weka-chains.ts";
import { epsilonSec, type WekaCall, type WekaTrace } from "./weka-row.ts";

export interface WekaOptions {
  /** Pauses are what was recorded as the client's wait alone, where that was. */
  readonly usesThinkTimeOnly: boolean;
  /** Longest time from one request of the trace to the next, s; undefined: as it was recorded. */
  readonly idleGapCapSec?: number | undefined;
  /** A name that no block has had before. */
  readonly nameBlock: () => number;
}

/** An agent beside the session. */
interface Agent {
  readonly sessionId: string;
  readonly calls: readonly WekaCall[];
  /** Turn of the session that it begins after, and the one that waits for it; undefined: none does. */
  readonly afterTurn: number;
  readonly joinAt: number | undefined;
}

/** The session first. */
export function sessionsOf(
  trace: WekaTrace,
  options: WekaOptions,
): { readonly rows: readonly Row[] } | { readonly problem: RowProblem } {
  const { main, others } = chainsOf(trace.calls);
  const names = agentNames({ main, others });
  const agents: Agent[] = others.map((chain, nth) => ({
    ...placeOf(main.calls, { index: firstOf(chain).index, endSec: lastEndSec(chain.calls) }, 0),
    sessionId: `${trace.id}::${names[nth]}`,
    calls: chain.calls,
  }));
  const known = new Set<string>();
  for (const subagent of trace.subagents) {
    const { agentId, calls, index } = subagent;
    // What was begun before the session's first request was begun by nobody that is played.
    if (calls.length === 0 || main.calls.every((call) => call.index > index)) continue;
    if (known.has(agentId)) {
      const message = `the sub-agent ${agentId} stands there before: its sessions would have the same names`;
      return { problem: { field: "requests", shownField: `requests[${index}].agent_id`, message } };
    }
    known.add(agentId);
    const chains = chainsOf(calls);
    const own = `${trace.id}::sa:${agentId}`;
    const place = placeOf(main.calls, subagent, 0);
    const below = agentNames(chains);
    agents.push({ ...place, sessionId: own, calls: chains.main.calls });
    agents.push(...chains.others.map((chain, nth) => ({ ...place, sessionId: `${own}:${below[nth]}`, calls: chain.calls })));
  }
  return { rows: rowsOf(trace, main.calls, agents, options) };
}

function firstOf({ calls: [first] }: WekaChain): WekaCall {
  return first as WekaCall;
}

/** After the last turn before it in the file, and joined by the first one behind it in the file that began when it had ended. */
function placeOf(
  turns: readonly WekaCall[],
  { index, endSec }: { readonly index: number; readonly endSec: number },
  otherwise: number,
): Pick<Agent, "afterTurn" | "joinAt"> {
  const before = turns.findLastIndex((call) => call.index < index);
  const afterTurn = before < 0 ? otherwise : before;
  const join = turns.findIndex((call, turn) => turn > afterTurn && call.index > index && call.atSec + epsilonSec >= endSec);
  return { afterTurn, joinAt: join < 0 ? undefined : join };
}

function rowsOf(trace: WekaTrace, calls: readonly WekaCall[], agents: readonly Agent[], options: WekaOptions): Row[] {
  const recipeOf = recipes(trace.blockTokens, options.nameBlock);
  const played = [...calls, ...agents.flatMap((agent) => agent.calls)];
  const timeOf = cappedTime(
    played.map(({ atSec }) => atSec),
    options.idleGapCapSec,
  );
  // A request takes as long as it took, wherever it has moved.
  const endOf = ({ atSec, endSec }: WekaCall): number => timeOf(atSec) + endSec - atSec;
  const pauseOf = (call: WekaCall, endSec: number): number => {
    const recorded = options.usesThinkTimeOnly ? call.thinkSec : undefined;
    return 1e3 * (recorded ?? Math.max(0, timeOf(call.atSec) - endSec));
  };
  const turnsOf = (of: readonly WekaCall[], endBefore: (turn: number) => number): Row["turns"] => {
    const [first, ...rest] = of.map((call, turn) => turnOf(call, recipeOf(call), pauseOf(call, endBefore(turn))));
    // A chain has at least one.
    return [first as RowTurn, ...rest];
  };
  const ends = calls.map((_, turn) => {
    const joined = agents.filter(({ joinAt }) => joinAt === turn).map((agent) => timeOf(lastEndSec(agent.calls)));
    const before = calls[turn - 1];
    return Math.max(before === undefined ? Number.POSITIVE_INFINITY : endOf(before), ...joined);
  });
  const session: Row = {
    sessionId: trace.id,
    turns: turnsOf(calls, (turn) => ends[turn] ?? Number.POSITIVE_INFINITY),
    branching: { branches: branchesOf(agents), isSilent: false, isBegun: false },
    unknownFields: trace.unknownFields,
  };
  const begun = agents.map(({ sessionId, calls: own, afterTurn }): Row => {
    const begin = calls[afterTurn];
    const begunSec = begin === undefined ? 0 : endOf(begin);
    const [first, ...rest] = turnsOf(own, (turn) => {
      const before = own[turn - 1];
      return before === undefined ? begunSec : endOf(before);
    });
    // No client waited before an agent began: its first pause is the time since.
    const delayMs = 1e3 * Math.max(0, timeOf(own[0]?.atSec ?? 0) - begunSec);
    return {
      sessionId,
      turns: [{ ...first, delayMs }, ...rest],
      branching: { branches: [], isSilent: false, isBegun: true },
      unknownFields: [],
    };
  });
  return [session, ...begun];
}

/**
 * From a recorded moment to one of a session whose gaps are capped: from one start to the next there is no more than so much, and what was
 * in between and is behind that falls together with it. The rule is AIPerf's.
 */
function cappedTime(starts: readonly number[], capSec = Number.POSITIVE_INFINITY): (sec: number) => number {
  if (capSec === Number.POSITIVE_INFINITY) return (sec) => sec;
  const sorted = [...starts].sort((one, other) => one - other);
  const moved: number[] = [];
  for (const [nth, start] of sorted.entries()) {
    const before = sorted[nth - 1];
    moved.push(before === undefined ? start : (moved[nth - 1] ?? 0) + Math.min(capSec, start - before));
  }
  return (sec) => {
    const nth = sorted.findLastIndex((start) => start <= sec);
    if (nth < 0) return sec;
    const isLast = nth === sorted.length - 1;
    const since = sec - (sorted[nth] ?? 0);
    return (moved[nth] ?? 0) + (isLast ? since : Math.min(capSec, since));
  };
}

function branchesOf(agents: readonly Agent[]): RowBranch[] {
  const places = Map.groupBy(agents, ({ afterTurn, joinAt }) => `${afterTurn} ${joinAt}`);
  const branches = [...places.values()].map((group): RowBranch => {
    const [{ afterTurn, joinAt }] = group as [Agent, ...Agent[]];
    return { mode: "spawn", afterTurn, joinAt, children: group.map(({ sessionId }) => sessionId) };
  });
  return branches.sort((one, other) => one.afterTurn - other.afterTurn);
}

/** Each request was recorded with all of its prompt, and is sent with it alone. */
function turnOf({ outputTokens }: WekaCall, recipe: PromptRecipe, delayMs: number): RowTurn {
  const given = { messages: [], model: undefined, extraInputs: undefined, timestampMs: undefined, isSelfContained: true };
  return { ...given, maxOutputTokens: outputTokens, delayMs, recipe };
}

/**
 * Prompts of one trace: names of blocks are its own. What is behind the named blocks is the request's own text; names behind the prompt
 * have no text in it.
 */
function recipes(blockTokens: number, nameBlock: () => number): (call: WekaCall) => PromptRecipe {
  const names = new Map<number, number>();
  const nameOf = (block: number): number => {
    const known = names.get(block) ?? nameBlock();
    names.set(block, known);
    return known;
  };
  return ({ inputTokens, blockIds }) => {
    const count = Math.ceil(inputTokens / blockTokens);
    const blocks = Array.from({ length: count }, (_, nth) => {
      const block = blockIds[nth];
      return block === undefined ? nameBlock() : nameOf(block);
    });
    return { inputTokens, blockIds: blocks, blockTokens };
  };
}
