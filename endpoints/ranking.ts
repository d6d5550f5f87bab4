/** A query and passages to be ranked by it: what every ranking API is asked and answers, in words of its own. Pure. */
import { AssayError } from "../services/common/errors.ts";
import { inputUsage } from "./data-usage.ts";
import type { Endpoint, TurnInput } from "./endpoint.ts";
import { type AnswerRules, parseAnswer, type ReadEvent } from "./event-stream.ts";
import { encodeJson, isJsonObject } from "./json-body.ts";
import { contentsOf } from "./parts.ts";
import { errorWords } from "./target-error.ts";

export interface Ranking {
  readonly query: string;
  readonly passages: readonly string[];
}

/** What one API says in its own words. */
export interface RankingApi {
  readonly name: string;
  readonly path: string;
  /** The field of an answer that lists the passages. */
  readonly listField: string;
  readonly rules?: AnswerRules;
  readonly bodyOf: (ranking: Ranking, model: string) => Readonly<Record<string, unknown>>;
}

/** Of the API, without streams: the answer is the list of passages in their new order. */
export function rankingEndpoint({ name, path, listField, rules, bodyOf }: RankingApi): Endpoint {
  const read = rankingReader(listField);
  return {
    name,
    path,
    canStream: false,
    takes: ["ranking"],
    produces: "ranking",
    formatBody: (turn) => encodeJson({ ...bodyOf(rankingOf(turn), turn.model), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, read, undefined, rules),
  };
}

/** Out of the last message's texts, by their names. Throws `invalid_argument` where none is a query. */
function rankingOf({ messages }: TurnInput): Ranking {
  const last = messages.slice(-1);
  const query = contentsOf(last, "text", "query")[0] ?? contentsOf(last, "text", "queries")[0];
  if (query === undefined) throw new AssayError("invalid_argument", "a turn to be ranked must have a text named query");
  return { query, passages: contentsOf(last, "text", "passages") };
}

/** A reader of answers whose `field` lists the passages, each with its place among those that were sent. */
function rankingReader(field: string): ReadEvent {
  return (answer) => {
    const list = answer[field];
    const entries: readonly unknown[] = Array.isArray(list) ? list : [];
    const wrong = entries.findIndex((entry) => !isJsonObject(entry) || typeof entry.index !== "number");
    return {
      outputText: "",
      reasoningText: "",
      finishReason: undefined,
      usage: inputUsage(answer),
      errorWords: errorWords(answer),
      outputCount: entries.length,
      ...(wrong < 0 ? {} : { problem: `entry ${wrong} of the answer's ${field} names no passage` }),
    };
  };
}
