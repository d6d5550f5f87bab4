/**
 * Which sessions of a TraceLab corpus were begun by others. It has no word of that: a session that lies whole within the time of a call
 * that begins agents, of the same user and project, is taken for its agent. How right that is nobody knows. The rules and their bounds are
 * AIPerf's, so that a corpus falls into the same sessions. Pure.
 */

export interface ToolCall {
  readonly name: string;
  /** Seconds since 1970; undefined: not recorded. */
  readonly emittedSec: number | undefined;
  readonly resultSec: number | undefined;
  readonly latencyMs: number | undefined;
}

/** One request of a session. */
export interface Round {
  /** Its number in the session. */
  readonly index: number;
  readonly model: string;
  readonly inputTokens: number;
  /** Of these the engine had so many. */
  readonly prefixTokens: number;
  readonly outputTokens: number;
  /** Seconds since 1970; undefined: not recorded. */
  readonly sentSec: number | undefined;
  readonly tookSec: number | undefined;
  /** All moments that are told of it. */
  readonly momentsSec: readonly number[];
  readonly tools: readonly ToolCall[];
}

export interface Session {
  readonly id: string;
  /** Its agents are begun by one tool and waited for by another one. */
  readonly isAsync: boolean;
  /** User and project. */
  readonly owner: string;
  /** At least one. */
  readonly rounds: readonly Round[];
}

export interface Agent {
  readonly session: Session;
  /** When the call that began it was made, seconds since 1970. */
  readonly startSec: number;
  /** How long that call is said to have taken. */
  readonly tookSec: number;
}

/** Shorter calls that begin agents mostly began none. */
const leastLatencyMs = 10_000;
const blockingTools: ReadonlySet<string> = new Set(["Agent", "Task"]);

interface Window extends Omit<Agent, "session"> {
  readonly parent: Session;
  readonly endSec: number;
}

/** Agents by the session that began them, in the order of the corpus. An agent's own agents are sessions by themselves. */
export function agentsOf(sessions: readonly Session[]): ReadonlyMap<Session, readonly Agent[]> {
  const byOwner = Map.groupBy(sessions.flatMap(windowsOf), ({ parent }) => parent.owner);
  const begunBy = new Map<Session, Window>();
  for (const session of sessions) {
    const moments = session.rounds.flatMap(({ momentsSec }) => momentsSec);
    if (moments.length === 0) continue;
    const [startSec, endSec] = [earliest(moments), latest(moments)];
    const around = (byOwner.get(session.owner) ?? []).filter((window) => {
      return window.parent !== session && startSec >= window.startSec && endSec <= window.endSec;
    });
    const [tightest] = around.sort(byWidth);
    if (tightest !== undefined) begunBy.set(session, tightest);
  }
  const agents = new Map<Session, Agent[]>();
  for (const [session, { parent, startSec, tookSec }] of begunBy) {
    if (begunBy.has(parent)) continue;
    const own = agents.get(parent) ?? [];
    own.push({ session, startSec, tookSec });
    agents.set(parent, own);
  }
  return agents;
}

function byWidth(one: Window, other: Window): number {
  const wider = one.endSec - one.startSec - (other.endSec - other.startSec);
  return wider || one.startSec - other.startSec || (one.parent.id < other.parent.id ? -1 : 1);
}

/** Times within which a session's agents have to lie. */
function windowsOf(parent: Session): Window[] {
  const calls = parent.rounds.flatMap(({ tools }) => tools);
  if (!parent.isAsync) {
    return calls.flatMap(({ name, emittedSec, resultSec, latencyMs = 0 }) => {
      const isSpawn = blockingTools.has(name) && latencyMs >= leastLatencyMs;
      return isSpawn && emittedSec !== undefined && resultSec !== undefined
        ? [{ parent, startSec: emittedSec, endSec: resultSec, tookSec: Math.trunc(latencyMs) / 1000 }]
        : [];
    });
  }
  // Which wait is of which begin is not recorded: all of them are one.
  const begins = calls.flatMap(({ name, emittedSec }) =>
    name === "spawn_agent" && emittedSec !== undefined ? [emittedSec] : [],
  );
  const ends = calls.flatMap(({ name, resultSec }) => (name === "wait_agent" && resultSec !== undefined ? [resultSec] : []));
  const [startSec, endSec] = [earliest(begins), latest(ends)];
  return begins.length > 0 && endSec > startSec ? [{ parent, startSec, endSec, tookSec: endSec - startSec }] : [];
}

/** Infinity of none. */
export function earliest(moments: readonly number[]): number {
  return moments.reduce((least, moment) => Math.min(least, moment), Number.POSITIVE_INFINITY);
}

/** −Infinity of none. */
export function latest(moments: readonly number[]): number {
  return moments.reduce((most, moment) => Math.max(most, moment), Number.NEGATIVE_INFINITY);
}
