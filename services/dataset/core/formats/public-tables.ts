/** Tables of public datasets whose prompts are more than a column, as AIPerf and vLLM's bench put them together. */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { wavSeconds } from "../../../common/media-facts.ts";
import { flacSeconds } from "../media/flac.ts";
import type { Format } from "./format.ts";
import { promptTable, type Texts } from "./prompt-table.ts";
import { isGiven, shownValue } from "./row.ts";

/** Speech of longer clips is not recognised at once by most models. */
const mostSpeechSec = 30;

export const publicTables: readonly Format[] = [
  promptTable("mmvu", {
    texts: ["question"],
    media: { video: "video" },
    needsMedium: true,
    textsOf: ({ question, choices }) => [withChoices(question, choices)],
  }),
  promptTable("blazedit", {
    texts: ["code", "change_request"],
    media: {},
    textsOf: ({ code, change_request: change }) => [editPrompt(String(code), String(change))],
  }),
  promptTable("vision_arena", {
    texts: ["conversation"],
    media: { image: "images" },
    isFirstMediumAlone: true,
    textsOf: (row) => firstQuestion(row, "conversation", "content"),
  }),
  promptTable("llava_onevision", {
    texts: ["conversations"],
    media: { image: "image" },
    isFirstMediumAlone: true,
    textsOf: (row) => firstQuestion(row, "conversations", "value"),
  }),
  promptTable("speech", {
    texts: [],
    media: { audio: "audio" },
    needsMedium: true,
    textsOf: () => ["Transcribe this audio."],
    leavesOut: ({ audio }) => (isTooLong(audio) ? `are longer than ${mostSpeechSec} s` : undefined),
  }),
  promptTable("spec_bench", { texts: ["turns"], media: {}, textsOf: firstTurn }),
];

/** `What is seen? A.a cat B.a dog`. */
function withChoices(question: unknown, choices: unknown): string {
  const given = isJsonObject(choices) ? Object.entries(choices).filter(([, choice]) => isGiven(choice) && choice !== "") : [];
  const text = typeof question === "string" ? question.trim() : "";
  return [...(text === "" ? [] : [text]), ...given.map(([letter, choice]) => `${letter}.${String(choice)}`)].join(" ");
}

function editPrompt(code: string, change: string): string {
  return (
    "Given a code file, please apply the change requests and generate the new file.\n\n" +
    `Original file:\n\`\`\`python\n${code}\n\`\`\`\n\nChange request:\n${change}\n\n` +
    'Please generate the new code file in the "New file" section below.'
  );
}

/** What the user says first, without the marks of images; where nobody is named, the first message. A message may be a list of one. */
function firstQuestion(row: JsonObject, column: string, content: string): Texts {
  const said = row[column] ?? [];
  if (!Array.isArray(said))
    return { problem: { field: column, message: `expected a list of messages, got ${shownValue(said)}` } };
  const messages = said.map((item) => (Array.isArray(item) ? item[0] : item)).filter(isJsonObject);
  const first = messages.find(({ role, from }) => /^(user|human)$/i.test(String(role ?? from ?? ""))) ?? messages[0];
  const text = first?.[content];
  return typeof text === "string" ? [text.replaceAll("<image>", "").trim()] : [];
}

function firstTurn({ turns }: JsonObject): Texts {
  const first = Array.isArray(turns) ? turns[0] : undefined;
  return isGiven(first) ? [String(first).trim()] : [];
}

function isTooLong(audio: unknown): boolean {
  const bytes = isJsonObject(audio) && typeof audio.bytes === "string" ? audio.bytes : "";
  return (wavSeconds(bytes) ?? flacSeconds(bytes) ?? 0) > mostSpeechSec;
}
