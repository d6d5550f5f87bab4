/** What a turn of `dag_jsonl` begins: `forks`, with what was said so far, and `spawns`, with nothing. Pure. */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { type DagRead, isWhole, notAField, readNames, wrong } from "./dag-values.ts";
import { isGiven, isName, type RowBranch, shownValue } from "./row.ts";

/** Reads what a turn begins, the `index`-th of `count`. */
export function readBranches({ forks, spawns }: JsonObject, index: number, count: number): DagRead<readonly RowBranch[]> {
  const at = `turns[${index}]`;
  const branches: RowBranch[] = [];
  const forked = readForks(forks, at, index + 1 < count);
  if ("problem" in forked) return forked;
  if (forked.value.length > 0) branches.push({ mode: "fork", afterTurn: index, children: forked.value, joinAt: undefined });
  const nextTurn = index + 1 < count ? index + 1 : undefined;
  const spawned: string[] = [];
  for (const [nth, entry] of Array.isArray(spawns) ? spawns.entries() : []) {
    const read = readSpawn(entry, { at: `${at}.spawns[${nth}]`, index, count, nextTurn });
    if ("problem" in read) return read;
    const twice = read.value.children.find((child, position, all) => spawned.includes(child) || all.indexOf(child) < position);
    if (twice !== undefined) return wrong("turns", `${twice} is spawned twice after the same turn`, `${at}.spawns[${nth}]`);
    spawned.push(...read.value.children);
    branches.push(read.value);
  }
  return { value: branches };
}

function readForks(forks: unknown, at: string, hasTurnsAfter: boolean): DagRead<readonly string[]> {
  const children: string[] = [];
  for (const [nth, entry] of Array.isArray(forks) ? forks.entries() : []) {
    const shown = `${at}.forks[${nth}]`;
    const { child, background = false, ...others }: JsonObject = isJsonObject(entry) ? entry : { child: entry };
    const [other] = Object.keys(others);
    if (other !== undefined) return wrong("turns", notAField(other, ["child", "background"]), `${shown}.${other}`);
    if (!isName(child)) {
      return wrong("turns", `expected a session or {"child": …, "background": …}, got ${shownValue(entry)}`, shown);
    }
    if (typeof background !== "boolean") {
      return wrong("turns", `expected true or false, got ${shownValue(background)}`, `${shown}.background`);
    }
    if (hasTurnsAfter && !background) {
      const message = `${child} is forked before the last turn: the session goes on only beside a fork with "background": true`;
      return wrong("turns", message, shown);
    }
    if (children.includes(child)) return wrong("turns", `${child} is forked twice after the same turn`, shown);
    children.push(child);
  }
  return { value: children };
}

interface SpawnPlace {
  readonly at: string;
  readonly index: number;
  readonly count: number;
  /** Undefined: the turn is the last. */
  readonly nextTurn: number | undefined;
}

/** A session alone is waited for by the next turn, where there is one. */
function readSpawn(entry: unknown, { at, index, count, nextTurn }: SpawnPlace): DagRead<RowBranch> {
  if (isName(entry)) return { value: { mode: "spawn", afterTurn: index, children: [entry], joinAt: nextTurn } };
  if (!isJsonObject(entry)) {
    return wrong("turns", `expected a session or {"children": […], "join_at": …}, got ${shownValue(entry)}`, at);
  }
  const { children, join_at: joinAt, ...others } = entry;
  const [other] = Object.keys(others);
  if (other !== undefined) return wrong("turns", notAField(other, ["children", "join_at"]), `${at}.${other}`);
  const names = readNames(children, "turns", `${at}.children`);
  if ("problem" in names) return names;
  if (names.value.length === 0) return wrong("turns", "expected at least one session, got []", `${at}.children`);
  if (isGiven(joinAt) && !(isWhole(joinAt) && joinAt > index && joinAt < count)) {
    const range = nextTurn === undefined ? "no turn, there is none after this one" : `a turn from ${nextTurn} to ${count - 1}`;
    return wrong("turns", `expected ${range}, got ${shownValue(joinAt)}`, `${at}.join_at`);
  }
  const join = typeof joinAt === "number" ? joinAt : nextTurn;
  return { value: { mode: "spawn", afterTurn: index, children: names.value, joinAt: join } };
}
