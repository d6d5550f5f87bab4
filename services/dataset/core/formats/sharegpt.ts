/**
 * ShareGPT's conversations: `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}` a row, mostly of one JSON
 * array. As AIPerf's public loader and vLLM's bench take them: each question that an answer follows is a turn, the answer's length is
 * the output length to ask for, and a conversation is left out where any of its turns is too short or too long. Answers are
 * the target's own.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format, ReaderOptions, ReaderTools } from "./format.ts";
import { type ReadRow, type RowTurn, shownValue } from "./row.ts";

const fields = ["id", "conversations"];
/** Tokens of a question and of an answer, at least, and of them, at most. */
const limits = { least: 4, mostInput: 1024, mostTogether: 2048 } as const;

export const sharegptFormat: Format = {
  name: "sharegpt",
  fields,
  countsTokens: true,
  recognizes: ({ conversations }) => Array.isArray(conversations) && (conversations.length === 0 || isSaid(conversations[0])),
  createReader: (options, tools) => {
    const left = { out: 0, of: 0 };
    return {
      read(row): ReadRow {
        const { conversations } = row;
        if (!Array.isArray(conversations)) {
          return { problem: { field: "conversations", message: `expected a list, got ${shownValue(conversations)}` } };
        }
        left.of++;
        const [first, ...rest] = turnsOf(conversations, options, tools);
        if (first === undefined) left.out++;
        const unknownFields = Object.keys(row).filter((field) => !fields.includes(field));
        return { row: first && { sessionId: undefined, turns: [first, ...rest], unknownFields } };
      },
      notes: () => (left.out === 0 ? [] : [noteOf(left)]),
    };
  },
};

function isSaid(said: unknown): boolean {
  return isJsonObject(said) && "value" in said;
}

function noteOf({ out, of }: { readonly out: number; readonly of: number }): string {
  const { least, mostInput, mostTogether } = limits;
  return (
    `${out} of ${of} conversations were left out, as in AIPerf and vLLM: they have no question with an answer, or one below ${least} ` +
    `tokens, a question above ${mostInput}, or more than ${mostTogether} together`
  );
}

/** None where any is too short or too long. */
function turnsOf(
  conversations: readonly unknown[],
  { namesOutputTokens }: ReaderOptions,
  { countTokens }: ReaderTools,
): RowTurn[] {
  const turns: RowTurn[] = [];
  for (const [question, answer] of pairsOf(conversations.filter(isJsonObject))) {
    const input = countTokens(question);
    const output = countTokens(answer);
    const isShort = input < limits.least || (output < limits.least && !namesOutputTokens);
    if (isShort || input > limits.mostInput || input + output > limits.mostTogether) return [];
    turns.push({
      messages: [{ role: "user", content: question }],
      maxOutputTokens: Math.max(1, output),
      model: undefined,
      extraInputs: undefined,
      delayMs: 0,
      timestampMs: undefined,
    });
  }
  return turns;
}

/** Questions with the answers that follow them; of a conversation that does not say who spoke, the first two texts. */
function pairsOf(said: readonly JsonObject[]): [question: string, answer: string][] {
  const known = said.filter(({ from }) => from === "human" || from === "gpt");
  const spoken = known.length > 0 ? known : said.slice(0, 2);
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < spoken.length; at++) {
    const [question, answer] = [spoken[at], spoken[at + 1]];
    if (known.length > 0 && (question?.from !== "human" || answer?.from !== "gpt")) continue;
    at++;
    const [asked, answered] = [question?.value, answer?.value];
    if (isText(asked) && isText(answered)) pairs.push([asked, answered]);
  }
  return pairs;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}
