/**
 * AIPerf's `dag_jsonl`: a row is a session, `{"session_id": "root", "turns": [{"messages": […], "max_tokens": 128, "forks": ["a"],
 * "spawns": ["b"]}]}`, and sessions begin others.
 * - `forks`: sessions that go on with what has been said, the answer to the turn included. A name alone stands after the last turn;
 *   `{"child": "a", "background": true}` stands anywhere, and the session goes on beside it. A session is forked once at most.
 * - `spawns`: sessions that begin with nothing. The next turn waits for them, or the one that `{"children": ["b"], "join_at": 3}` names;
 *   after the last turn nobody does.
 * - `pre_session_spawns`: sessions that begin together with this one, and that nobody waits for.
 * - A turn besides: `model`, `tools`, `extra` (merged into the body), `delay` (ms after what it waits for).
 * - `context_mode`: as in `multi_turn`; `message_array_with_responses` sends each turn alone.
 * - `{"session_id": "s", "orchestrator": true, "spawns": […]}` sends nothing and spawns; with `"rounds": 3`, three times, each round
 *   when all of the one before are over; with `"rounds": [{"spawns": […], "think_time_ms": 5}]` others each time. `think_time_ms` is the
 *   wait before a round, with `think_time_sigma` the median of a log-normal drawn for each session, `think_time_min_ms` and
 *   `think_time_max_ms` its bounds.
 *
 * What no other session begins is drawn. A field that there is not is a mistake, as in AIPerf: a branch that is overlooked is another load.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { type DagConversation, dagFields, readDagRow } from "./dag-row.ts";
import { reachedFrom, rootsOf, treeProblems } from "./dag-tree.ts";
import type { Format, LateProblem, PlaceOf, ReaderOptions, RowReader, RowSource } from "./format.ts";
import { isGiven, type ReadRow, type Row } from "./row.ts";

export const dagJsonlFormat: Format = {
  name: "dag_jsonl",
  fields: dagFields,
  recognizes: (row) => row.orchestrator === true || (Array.isArray(row.turns) && row.turns.some(isDagTurn)),
  createReader: (options) => new DagReader(options),
};

function isDagTurn(turn: unknown): boolean {
  return isJsonObject(turn) && (Array.isArray(turn.messages) || isGiven(turn.forks) || isGiven(turn.spawns));
}

class DagReader implements RowReader {
  readonly #options: ReaderOptions;
  readonly #conversations = new Map<string, DagConversation & { readonly placeOf: PlaceOf }>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  read = (row: JsonObject, _source: RowSource, placeOf: PlaceOf = nowhere): ReadRow => {
    const read = readDagRow(row);
    if ("problem" in read) return read;
    const { sessionId } = read.value;
    if (this.#conversations.has(sessionId)) {
      return { problem: { field: "session_id", message: `${sessionId} is the name of an earlier row` } };
    }
    this.#conversations.set(sessionId, { ...read.value, placeOf: keptPlaces(row, placeOf) });
    return { row: undefined };
  };

  finish = (): readonly (Row | LateProblem)[] => {
    const left = new Map(this.#conversations);
    const finished: (Row | LateProblem)[] = [];
    // What names a conversation that is left out has to be left out, too.
    for (let problems = treeProblems(left); problems.length > 0; problems = treeProblems(left)) {
      for (const { sessionId, problem } of problems) {
        const placeOf = left.get(sessionId)?.placeOf;
        if (placeOf !== undefined) finished.push({ problem, placeOf });
        left.delete(sessionId);
      }
    }
    const roots = rootsOf(left).slice(0, this.#options.maxConversations);
    const drawn = new Set(roots);
    for (const sessionId of reachedFrom(roots, left)) {
      const conversation = left.get(sessionId);
      if (conversation !== undefined) finished.push(rowOf(conversation, !drawn.has(sessionId)));
    }
    return finished;
  };
}

function rowOf({ sessionId, turns, branches, isSilent, spread }: DagConversation, isBegun: boolean): Row {
  return { sessionId, turns, branching: { branches, isSilent, spread, isBegun }, unknownFields: [] };
}

const nowhere: PlaceOf = () => ({ line: 0, column: 0 });

/** The places of the fields that have to do with other rows, looked up now, so that the row itself need not be kept. */
function keptPlaces(row: JsonObject, placeOf: PlaceOf): PlaceOf {
  const fields = ["turns", "spawns", "rounds", "pre_session_spawns"].filter((field) => field in row);
  const places = new Map(fields.map((field) => [field, placeOf(field)]));
  const own = placeOf(undefined);
  return (field) => (field === undefined ? own : (places.get(field) ?? own));
}
