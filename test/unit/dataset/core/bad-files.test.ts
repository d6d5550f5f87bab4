import { expect } from "chai";
import { csvRows } from "../../../../services/dataset/core/containers/csv-rows.ts";
import { jsonLines } from "../../../../services/dataset/core/containers/json-lines.ts";
import { jsonValues } from "../../../../services/dataset/core/containers/json-values.ts";
import { FileLoad, type LoadedFile } from "../../../../services/dataset/core/file-load.ts";
import { formats } from "../../../../services/dataset/core/formats/catalog.ts";
import { readerOptions, readerTools } from "./loading.ts";

type Container = "jsonl" | "json" | "csv";
type Fields = Readonly<Record<string, unknown>>;

/** What a format's files can have wrong. Rows are told apart by `nth`, where a format refuses the same one twice. */
interface Format {
  readonly container?: Container;
  readonly row: (nth: number) => Fields;
  /** Without this field, or with this value in its place: where, and what is said. */
  readonly missing: readonly [field: string, said: string];
  readonly wrong: readonly [field: string, value: unknown, said: string];
  /** Absent: it has no length. */
  readonly negative?: readonly [field: string, value: unknown, said: string];
  /** What is said of a row that is `{"zzz": 1}`. */
  readonly other: string;
}

const tokens = "expected a whole number from 1 to 10000000";
const fromZero = "expected a whole number from 0 to 10000000";
const text = 'expected a text that is not empty in the field text, or a medium, got {"zzz":1}';
const body = { messages: [{ role: "user", content: "Hello" }] };
const chat = [
  { from: "human", value: "What is a cat like?" },
  { from: "gpt", value: "It is small and soft." },
];
const capture = (nth: number) => ({
  captureData: { endpointInput: { data: JSON.stringify(body), mode: "INPUT", encoding: "JSON" } },
  eventMetadata: { eventId: `${nth}`, inferenceTime: "2026-04-29T00:03:18Z" },
});
const entry = {
  startedDateTime: "2026-04-29T00:03:18Z",
  time: 5,
  request: { method: "POST", url: "http://h/v1/chat/completions", headers: [], postData: { text: JSON.stringify(body) } },
};
const told = { event_type: "user_message", timestamp: "2026-04-29T00:03:18Z" };
const call = { t: 0, type: "n", model: "m", in: 130, out: 20, hash_ids: [1, 2] };

const table: Readonly<Record<string, Format>> = {
  random_pool: {
    row: () => ({ type: "random_pool", text: "Hello" }),
    missing: ["text", "expected a text that is not empty in the field text, or a medium, got"],
    wrong: ["text", 7, "text: expected a text, got 7"],
    other: text,
  },
  single_turn: {
    row: () => ({ text: "Hello", output_length: 5 }),
    missing: ["text", "expected a text that is not empty in the field text, or a medium, got"],
    wrong: ["text", 7, "text: expected a text, got 7"],
    negative: ["output_length", -5, `output_length: ${tokens}, got -5`],
    other: text,
  },
  multi_turn: {
    row: () => ({ turns: [{ text: "Hello", output_length: 5 }] }),
    missing: ["turns", "turns: expected a list of turns, got nothing"],
    wrong: ["turns", 7, "turns: expected a list of turns, got 7"],
    negative: ["turns", [{ text: "Hello", output_length: -5 }], `turns[0].output_length: ${tokens}, got -5`],
    other: "turns: expected a list of turns, got nothing",
  },
  dag_jsonl: {
    row: (nth) => ({ session_id: `s${nth}`, turns: [{ messages: body.messages, max_tokens: 5 }] }),
    missing: ["turns", "turns: expected a list of turns that is not empty, got nothing"],
    wrong: ["turns", 7, "turns: expected a list of turns that is not empty, got 7"],
    negative: ["turns", [{ messages: body.messages, max_tokens: -5 }], `turns[0].max_tokens: ${tokens}, got -5`],
    other: "zzz: there is no such field",
  },
  bailian_trace: {
    row: (nth) => ({ chat_id: nth, timestamp: 1, input_length: 20, output_length: 5, hash_ids: [1, 2] }),
    missing: ["input_length", `input_length: ${tokens}, got nothing`],
    wrong: ["input_length", "x", `input_length: ${tokens}, got "x"`],
    negative: ["input_length", -5, `input_length: ${tokens}, got -5`],
    other: "chat_id: expected a whole number from 0, got nothing",
  },
  baseten_trace: {
    row: () => ({ timestamp_start_unix_ms: 1000, prompt: "Hello", input_tokens: 1, output_tokens: 5 }),
    missing: ["prompt", "prompt: expected a text that is not empty, got nothing"],
    wrong: ["prompt", 7, "prompt: expected a text that is not empty, got 7"],
    negative: ["output_tokens", -5, `output_tokens: ${fromZero}, got -5`],
    other: "timestamp_start_unix_ms: expected milliseconds since 1970, got nothing",
  },
  burst_gpt_trace: {
    container: "csv",
    row: () => ({
      Timestamp: 5,
      Model: "m",
      "Request tokens": 3,
      "Response tokens": 2,
      "Total tokens": 5,
      "Log Type": "API log",
    }),
    missing: ["Request tokens", "Request tokens: expected a number, got nothing"],
    wrong: ["Request tokens", "x", `Request tokens: ${tokens}, got "x"`],
    negative: ["Request tokens", -5, `Request tokens: ${tokens}, got -5`],
    other: "Timestamp: expected a number, got nothing",
  },
  azure_llm_trace: {
    container: "csv",
    row: () => ({ TIMESTAMP: "2023-11-16 18:15:46.68", ContextTokens: 20, GeneratedTokens: 5 }),
    missing: ["ContextTokens", `ContextTokens: ${tokens}, got nothing`],
    wrong: ["ContextTokens", "x", `ContextTokens: ${tokens}, got "x"`],
    negative: ["ContextTokens", -5, `ContextTokens: ${tokens}, got -5`],
    other: "TIMESTAMP: expected a moment as 2023-11-16 18:15:46.6805900, got nothing",
  },
  mooncake_trace: {
    row: () => ({ timestamp: 0, input_length: 600, output_length: 5, hash_ids: [1, 2] }),
    missing: ["input_length", "expected one of input_length, text_input, messages, payload, got"],
    wrong: ["input_length", "x", `input_length: ${tokens}, got "x"`],
    negative: ["output_length", -5, `output_length: ${fromZero}, got -5`],
    other: 'expected one of input_length, text_input, messages, payload, got {"zzz":1}',
  },
  sagemaker_data_capture: {
    row: capture,
    missing: ["captureData", "captureData.endpointInput: expected an object, got nothing"],
    wrong: ["captureData", { endpointInput: 7 }, "captureData.endpointInput: expected an object, got 7"],
    other: "eventMetadata.inferenceTime: expected a moment as 2026-04-29T00:03:18Z, got nothing",
  },
  inputs_json: {
    row: (nth) => ({ data: [{ session_id: `s${nth}`, payloads: [body] }] }),
    missing: ["data", "data: expected a list of sessions, got nothing"],
    wrong: ["data", 7, "data: expected a list of sessions, got 7"],
    other: "data: expected a list of sessions, got nothing",
  },
  input_data: {
    row: () => ({ data: [{ INPUT: { content: [1, 2], shape: [2] } }] }),
    missing: ["data", "data: expected a list, got nothing"],
    wrong: ["data", 7, "data: expected a list, got 7"],
    other: "data: expected a list, got nothing",
  },
  openai_batch: {
    row: (nth) => ({ custom_id: `r${nth}`, method: "POST", url: "/v1/chat/completions", body }),
    missing: ["body", "body: expected an object that is not empty, got nothing"],
    wrong: ["body", 7, "body: expected an object that is not empty, got 7"],
    other: "custom_id: expected a text that is not empty, got nothing",
  },
  speed_bench: {
    row: (nth) => ({
      question_id: `${nth}`.padStart(32, "0"),
      category: "coding",
      messages: [{ role: "user", content: "Hello" }],
    }),
    missing: ["messages", "messages: expected a list of messages, got nothing"],
    wrong: ["messages", 7, "messages: expected a list of messages, got 7"],
    other: "question_id: expected 32 characters, got nothing",
  },
  raw_payload: {
    row: () => body,
    missing: ["messages", "expected a request's body, with a list of messages, a prompt or an input, got"],
    wrong: ["messages", 7, 'expected a request\'s body, with a list of messages, a prompt or an input, got {"messages":7}'],
    other: "expected a request's body, with a list of messages, a prompt or an input, got",
  },
  sharegpt: {
    row: () => ({ conversations: chat }),
    missing: ["conversations", "conversations: expected a list, got nothing"],
    wrong: ["conversations", 7, "conversations: expected a list, got 7"],
    other: "conversations: expected a list, got nothing",
  },
  har: {
    row: () => ({ log: { entries: [entry] } }),
    missing: ["log", "log.entries: expected a list, got nothing"],
    wrong: ["log", { entries: 7 }, "log.entries: expected a list, got 7"],
    other: "log.entries: expected a list, got nothing",
  },
  tracelab: {
    row: (nth) => ({ session_id: `s${nth}`, input_tokens_total: 100, timing_events: [told] }),
    missing: ["input_tokens_total", `input_tokens_total: ${fromZero}, got nothing`],
    wrong: ["timing_events", 7, "timing_events: expected a list of events, got 7"],
    negative: ["input_tokens_total", -5, `input_tokens_total: ${fromZero}, got -5`],
    other: "session_id: expected a text that is not empty, got nothing",
  },
  weka_trace: {
    row: (nth) => ({ id: `s${nth}`, block_size: 64, hash_id_scope: "local", requests: [call] }),
    missing: ["block_size", `block_size: ${tokens}, got nothing`],
    wrong: ["requests", 7, "requests: expected a list of requests that is not empty, got 7"],
    negative: ["requests", [{ ...call, in: -5 }], `requests[0].in: ${tokens}, got -5`],
    other: "id: expected a text that is not empty, got nothing",
  },
};

const limit = 1 << 20;

/** Throws what a user is told. */
function load(format: string | undefined, container: Container, bytes: string | Uint8Array, isSkipping = false): LoadedFile {
  const path = `/data/p.${container}`;
  const options = { ...readerOptions, path, format, isSkipping };
  const loading = new FileLoad(options, readerTools);
  loading.enter({ file: `p.${container}`, isInFolder: false, container });
  const rows =
    container === "csv"
      ? csvRows(limit)
      : container === "json"
        ? jsonValues({ maxRowBytes: limit, maxDocumentBytes: limit })
        : jsonLines(limit);
  rows.push(Buffer.from(bytes), (item) => loading.take(item));
  rows.end((item) => loading.take(item));
  if (loading.awaited === "counter") loading.countBy(readerTools.countTokens);
  return loading.end();
}

function lineOf(container: Container, row: Fields, fields: readonly string[]): string {
  if (container !== "csv") return JSON.stringify(row);
  return fields.map((field) => row[field] ?? "").join(",");
}

/** A line a row, under a header in CSV. */
function fileOf(container: Container, rows: readonly Fields[]): string[] {
  const fields = Object.keys(rows[0] ?? {});
  return [...(container === "csv" ? [fields.join(",")] : []), ...rows.map((row) => lineOf(container, row, fields))];
}

const without = (row: Fields, field: string): Fields =>
  Object.fromEntries(Object.entries(row).filter(([name]) => name !== field));

it("every format of the catalog is in the table of bad files", () => {
  expect(Object.keys(table)).to.have.members(formats.map(({ name }) => name));
});

for (const [name, { container = "jsonl", row, missing, wrong, negative, other }] of Object.entries(table)) {
  describe(`a bad file of ${name}`, () => {
    const first = container === "csv" ? 2 : 1;
    const rows = [row(1), row(2), row(3)];
    const joined = (lines: readonly string[], end = "\n"): string => lines.map((line) => line + end).join("");
    const refusal = (bytes: string, format: string | undefined = name): string => {
      try {
        load(format, container, bytes);
      } catch (error) {
        return (error as Error).message;
      }
      return expect.fail("it was taken");
    };
    const bad = (second: Fields): string => joined(fileOf(container, [row(1), { ...second }, row(3)]));
    /** Of the second row. */
    const at = `/data/p.${container}, line ${first + 1}, column `;

    it("is none where nothing is bad, also with Windows line ends, a byte order mark and no end of the last line", () => {
      const lines = fileOf(container, rows);
      const plain = load(name, container, joined(lines));
      expect([plain.usedRows, plain.skippedRows]).to.deep.equal([3, 0]);
      for (const bytes of [joined(lines, "\r\n"), `\ufeff${joined(lines)}`, `\ufeff${lines.join("\r\n")}`]) {
        const { usedRows, turns, conversations } = load(name, container, bytes);
        expect([usedRows, turns.size, conversations.size]).to.deep.equal([3, plain.turns.size, plain.conversations.size]);
      }
    });

    it("has no rows", () => {
      for (const bytes of ["", "\n\n", "\ufeff"]) expect(refusal(bytes)).to.equal(`/data/p.${container}: the file holds no rows`);
    });

    it("has rows of another format", () => {
      const [field = "", value] = Object.entries({ zzz: 1 })[0] ?? [];
      const bytes = container === "csv" ? joined([field, `${value}`]) : joined([JSON.stringify({ [field]: value })]);
      expect(refusal(bytes)).to.satisfy((said: string) => {
        return said.startsWith(`/data/p.${container}, line ${first}, column `) && said.includes(`: ${other}`);
      }, refusal(bytes));
    });

    it("has a broken line in the middle", () => {
      const lines = fileOf(container, rows);
      const broken = container === "csv" ? `${lines[first]},more,than,that` : '{"a": 1,,}';
      const said =
        container === "csv" ? /^expected \d fields as in the header, got \d$/ : /^expected a name in double quotes, got ","$/;
      const bytes = joined(lines.toSpliced(first, 1, broken));
      const [, where = "", what = ""] = /^(.*?, line \d+, column \d+): (.*)$/.exec(refusal(bytes)) ?? [];
      expect([where, said.test(what)], what).to.deep.equal([`${at}${container === "csv" ? 1 : 9}`, true]);
      const skipped = load(name, container, bytes, true);
      expect([skipped.usedRows, skipped.skippedRows]).to.deep.equal([2, 1]);
      expect(skipped.firstSkipped).to.deep.equal([`line ${first + 1}, column ${container === "csv" ? 1 : 9}: ${what}`]);
    });

    const mistakes: readonly (readonly [what: string, row: Fields, said: string])[] = [
      [`lacks ${missing[0]}`, without(row(2), missing[0]), missing[1]],
      [`has a wrong type in ${wrong[0]}`, { ...row(2), [wrong[0]]: wrong[1] }, wrong[2]],
      ...(negative === undefined
        ? []
        : ([[`has a negative length in ${negative[0]}`, { ...row(2), [negative[0]]: negative[1] }, negative[2]]] as const)),
    ];
    for (const [what, second, said] of mistakes) {
      it(`${what}: one line says where, what was expected and what is there`, () => {
        const message = refusal(bad(second));
        expect(message.split("\n")).to.have.length(1);
        expect(message.slice(0, at.length)).to.equal(at);
        expect(message.slice(at.length).replace(/^\d+: /, "")).to.satisfy((told: string) => told.startsWith(said), message);
        const skipped = load(name, container, bad(second), true);
        expect([skipped.usedRows, skipped.skippedRows]).to.deep.equal([2, 1]);
        expect(skipped.firstSkipped.join()).to.include(said);
      });
    }
  });
}

describe("timestamps that go backwards", () => {
  const note = "before that of the turn before: by the file's times they follow its answer at once";
  const times = (a: number, b: number, c: number): readonly (readonly [string, Container, string])[] => [
    ["multi_turn", "jsonl", JSON.stringify({ turns: [a, b, c].map((timestamp) => ({ text: "Hello", timestamp })) })],
    [
      "single_turn",
      "jsonl",
      [a, b, c].map((timestamp) => JSON.stringify({ session_id: "s", text: "Hello", timestamp })).join("\n"),
    ],
    [
      "mooncake_trace",
      "jsonl",
      [a, b, c].map((timestamp) => JSON.stringify({ session_id: "s", timestamp, input_length: 9 })).join("\n"),
    ],
  ];

  for (const [name, container, bytes] of times(100, 50, 60)) {
    it(`within a session are said: ${name}`, () => {
      expect(load(name, container, bytes).notes).to.deep.equal([`1 turn has a timestamp ${note}`]);
    });
  }

  for (const [name, container, bytes] of times(50, 50, 60)) {
    it(`are none where they stand still or go on: ${name}`, () => {
      expect(load(name, container, bytes).notes).to.deep.equal([]);
    });
  }

  it("are counted", () => {
    const turns = [9, 5, 1].map((timestamp) => ({ text: "Hello", timestamp }));
    expect(load("multi_turn", "jsonl", JSON.stringify({ turns })).notes).to.deep.equal([`2 turns have timestamps ${note}`]);
  });

  it("of one session after another are in any order", () => {
    const rows = [9, 5].map((timestamp) => JSON.stringify({ text: "Hello", timestamp })).join("\n");
    expect(load("single_turn", "jsonl", rows).notes).to.deep.equal([]);
  });
});
