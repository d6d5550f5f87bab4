/** A row of `dag_jsonl` that sends nothing itself: it begins sessions, all at once or in rounds, each when the one before is over. */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { PauseSpread } from "../../../common/session-branches.ts";
import { type DagRead, isPause, isWhole, notAField, readNames, wrong } from "./dag-values.ts";
import { bareTurn, isGiven, type RowBranch, type RowTurn, shownValue } from "./row.ts";

/** Fields that only such a row has. */
export const spawnerFields = [
  "spawns",
  "rounds",
  "think_time_ms",
  "think_time_sigma",
  "think_time_min_ms",
  "think_time_max_ms",
] as const;

const maxRounds = 100_000;
const maxSigma = 10;

interface Round {
  readonly spawns: readonly string[];
  readonly pauseMs: number;
}

/** What such a row comes to: turns that send nothing, and what they begin. */
interface Spawner {
  readonly turns: readonly [RowTurn, ...RowTurn[]];
  readonly branches: readonly RowBranch[];
  readonly spread: PauseSpread | undefined;
}

/** Pure, never throws. */
export function readSpawner(row: JsonObject): DagRead<Spawner> {
  if (isGiven(row.turns) && !(Array.isArray(row.turns) && row.turns.length === 0)) {
    return wrong("turns", "an orchestrator has none: it sends nothing");
  }
  if (isGiven(row.pre_session_spawns)) return wrong("pre_session_spawns", "an orchestrator has spawns in their place");
  const pauses = readPauses(row);
  if ("problem" in pauses) return pauses;
  const { medianMs, spread } = pauses.value;
  const rounds = readRounds(row, medianMs);
  if ("problem" in rounds) return rounds;
  const isGated = isGiven(row.rounds);
  const branches = rounds.value.map(
    ({ spawns }, round): RowBranch => ({
      mode: "spawn",
      afterTurn: round,
      children: spawns,
      joinAt: isGated ? round + 1 : undefined,
    }),
  );
  const [first = silent(0), ...rest] = rounds.value.map(({ pauseMs }) => silent(pauseMs));
  // The last turn of a row with rounds waits for the last round.
  return { value: { turns: [first, ...rest, ...(isGated ? [silent(0)] : [])], branches, spread } };
}

function silent(delayMs: number): RowTurn {
  return { ...bareTurn, messages: [], delayMs };
}

function readPauses(row: JsonObject): DagRead<{ readonly medianMs: number; readonly spread: PauseSpread | undefined }> {
  const { think_time_ms: median, think_time_sigma: sigma } = row;
  const bounds = ["think_time_min_ms", "think_time_max_ms"] as const;
  for (const field of ["think_time_ms", ...bounds] as const) {
    const value = row[field];
    if (isGiven(value) && !isPause(value)) return wrong(field, `expected milliseconds from 0 on, got ${shownValue(value)}`);
  }
  if (isGiven(median) && !isGiven(row.rounds)) return wrong("think_time_ms", "needs rounds: it is the wait before each of them");
  if (isGiven(sigma) && !(typeof sigma === "number" && sigma > 0 && sigma <= maxSigma)) {
    return wrong("think_time_sigma", `expected a number above 0, at most ${maxSigma}, got ${shownValue(sigma)}`);
  }
  if (isGiven(sigma) && !isGiven(median)) return wrong("think_time_sigma", "needs think_time_ms, the median");
  const alone = bounds.find((field) => isGiven(row[field]) && !isGiven(sigma));
  if (alone !== undefined) return wrong(alone, "needs think_time_sigma: without it nothing is drawn");
  const [minMs, maxMs] = bounds.map((field) => numberOf(row[field]));
  if (minMs !== undefined && maxMs !== undefined && minMs > maxMs) {
    return wrong("think_time_min_ms", `expected at most think_time_max_ms, ${maxMs}, got ${minMs}`);
  }
  const spread = typeof sigma === "number" ? { sigma, minMs, maxMs } : undefined;
  return { value: { medianMs: numberOf(median) ?? 0, spread } };
}

function readRounds(row: JsonObject, pauseMs: number): DagRead<readonly Round[]> {
  const { rounds, spawns } = row;
  if (Array.isArray(rounds)) {
    if (isGiven(spawns)) return wrong("spawns", "each of the rounds has its own: leave these out");
    return readOwnRounds(rounds, pauseMs);
  }
  if (isGiven(rounds) && !(isWhole(rounds) && rounds >= 1 && rounds <= maxRounds)) {
    return wrong("rounds", `expected a whole number from 1 to ${maxRounds} or a list of rounds, got ${shownValue(rounds)}`);
  }
  const names = readNames(spawns, "spawns", "spawns");
  if ("problem" in names) return names;
  if (names.value.length === 0) return wrong("spawns", "expected at least one session, got []");
  return { value: Array.from({ length: numberOf(rounds) ?? 1 }, () => ({ spawns: names.value, pauseMs })) };
}

function readOwnRounds(rounds: readonly unknown[], pauseMs: number): DagRead<readonly Round[]> {
  if (rounds.length === 0) return wrong("rounds", "expected at least one round, got []");
  const read: Round[] = [];
  const spawned = new Set<string>();
  for (const [nth, round] of rounds.entries()) {
    const at = `rounds[${nth}]`;
    if (!isJsonObject(round)) return wrong("rounds", `expected an object, got ${shownValue(round)}`, at);
    const { spawns, think_time_ms: own, ...others } = round;
    const [other] = Object.keys(others);
    if (other !== undefined) return wrong("rounds", notAField(other, ["spawns", "think_time_ms"]), `${at}.${other}`);
    const names = readNames(spawns, "rounds", `${at}.spawns`);
    if ("problem" in names) return names;
    if (names.value.length === 0) return wrong("rounds", "expected at least one session, got []", `${at}.spawns`);
    const twice = names.value.find((name) => spawned.has(name));
    if (twice !== undefined) return wrong("rounds", `${twice} is spawned by an earlier round, too`, `${at}.spawns`);
    if (isGiven(own) && !isPause(own)) {
      return wrong("rounds", `expected milliseconds from 0 on, got ${shownValue(own)}`, `${at}.think_time_ms`);
    }
    for (const name of names.value) spawned.add(name);
    read.push({ spawns: names.value, pauseMs: numberOf(own) ?? pauseMs });
  }
  return { value: read };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
