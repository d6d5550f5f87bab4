/**
 * SPEED-Bench's prompts, AIPerf's `speed_bench_…`: a row is a conversation, `{"question_id": "0f3b…", "category": "coding", "messages": [{"role":
 * "user", "content": "…"}]}`, each message a turn that is sent with what was said before. `speed_bench_coding` and the like keep the rows of a
 * category, the names of whole files (`speed_bench_qualitative`, `speed_bench_throughput_8k`) and `speed_bench` all.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { bareTurn, isName, type ReadRow, type RowTurn, shownValue } from "./row.ts";

const fields = ["question_id", "category", "messages"];
const roles = ["system", "user", "assistant", "tool"] as const;
const subjects = "coding|humanities|math|multilingual|qa|rag|reasoning|roleplay|stem|summarization|writing";
const names = new RegExp(
  `^speed_bench(?:_qualitative|_(${subjects})|_throughput_(?:1|2|8|16|32)k(?:_(low_entropy|mixed|high_entropy))?)?$`,
);
/** Rows of the published file hold this in the place of what other hosts have. */
const placeholder = "FULL BENCHMARK DATA SHOULD BE FETCHED FROM THE SOURCE USING SPECDEC_BENCH";
const idLength = 32;

export const speedBenchFormat: Format = formatOf("speed_bench", undefined);

/** The format of such a name; undefined: it is none. */
export function speedBenchNamed(name: string): Format | undefined {
  const found = names.exec(name);
  return found === null ? undefined : formatOf(name, found[1] ?? found[2]);
}

function formatOf(name: string, category: string | undefined): Format {
  return {
    name,
    fields,
    recognizes: (row) => isName(row.category) && isId(row.question_id) && Array.isArray(row.messages),
    createReader: () => {
      let others = 0;
      return {
        read(row): ReadRow {
          const read = readQuestion(row);
          if ("problem" in read || category === undefined || row.category === category) return read;
          others++;
          return { row: undefined };
        },
        notes: () => (others === 0 ? [] : [`rows of other categories than ${category} were left out: ${others}`]),
      };
    },
  };
}

function readQuestion({ question_id: id, category, messages, ...others }: JsonObject): ReadRow {
  const wrong = (field: string, message: string, shownField = field) => ({ problem: { field, shownField, message } });
  if (!isId(id)) return wrong("question_id", `expected ${idLength} characters, got ${shownValue(id)}`);
  if (!isName(category)) return wrong("category", `expected a text that is not empty, got ${shownValue(category)}`);
  if (!Array.isArray(messages)) return wrong("messages", `expected a list of messages, got ${shownValue(messages)}`);
  const turns: RowTurn[] = [];
  for (const [index, message] of messages.entries()) {
    const { role, content } = isJsonObject(message) ? message : {};
    const known = roles.find((name) => name === role);
    if (known === undefined || !isName(content) || content === placeholder) {
      const expected = "expected a role and a text that is the benchmark's own";
      return wrong("messages", `${expected}, got ${shownValue(message)}`, `messages[${index}]`);
    }
    turns.push({ ...bareTurn, messages: [{ role: known, content }] });
  }
  const [first, ...rest] = turns;
  if (first === undefined) return wrong("messages", "expected at least one message, got []");
  return { row: { sessionId: id, turns: [first, ...rest], unknownFields: Object.keys(others) } };
}

function isId(value: unknown): value is string {
  return isName(value) && value.length === idLength;
}
