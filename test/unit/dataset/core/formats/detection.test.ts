import { expect } from "chai";
import { detectFormat } from "../../../../../services/dataset/core/formats/detection.ts";
import { rowSource } from "../loading.ts";

/** The name of the format, or why there is none. */
function detected(row: Record<string, unknown>): string {
  const found = detectFormat(row, rowSource);
  return "refusal" in found ? found.refusal : found.format.name;
}

describe("the format of a file", () => {
  const own: readonly Record<string, unknown>[] = [
    { text: "a" },
    { texts: ["a"], type: "single_turn" },
    { text: "a", session_id: "s", timestamp: 0 },
    { image: "x.png" },
    { text: "a", type: "text" },
    { text: "a", messages: [] },
  ];
  for (const row of own) {
    it(`is single_turn for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("single_turn"));
  }

  const chats: readonly Record<string, unknown>[] = [
    { session_id: "s", turns: [{ text: "a" }] },
    { text: "a", turns: [{ text: "a" }] },
    { turns: [], type: "multi_turn" },
  ];
  for (const row of chats) {
    it(`is multi_turn for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("multi_turn"));
  }

  const trees: readonly Record<string, unknown>[] = [
    { session_id: "root", turns: [{ messages: [], forks: ["a"] }] },
    { session_id: "s", orchestrator: true, spawns: [] },
  ];
  for (const row of trees) {
    it(`is dag_jsonl for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal("dag_jsonl"));
  }

  const others: readonly (readonly [name: string, row: Record<string, unknown>])[] = [
    ["weka_trace", { requests: [{ type: "n" }] }],
  ];
  for (const [name, row] of others) {
    it(`is known as ${name}, which is refused by that name: ${JSON.stringify(row)}`, () => {
      expect(detected(row)).to.contain(
        `this looks like ${name}, which is not supported by this version; it reads random_pool, single_turn, `,
      );
    });
  }

  const known: readonly (readonly [name: string, row: Record<string, unknown>])[] = [
    ["mooncake_trace", { timestamp: 0, input_length: 655, output_length: 52, hash_ids: [0] }],
    ["mooncake_trace", { text_input: "a" }],
    ["mooncake_trace", { payload: { prompt: "a" } }],
    ["mooncake_trace", { messages: [{ role: "user", content: "a" }], output_length: 4 }],
    ["bailian_trace", { chat_id: 159, parent_chat_id: -1, timestamp: 61.1, input_length: 521 }],
    ["burst_gpt_trace", { Timestamp: "5", Model: "GPT-4", "Request tokens": "472", "Response tokens": "18" }],
    ["azure_llm_trace", { TIMESTAMP: "2023-11-16 18:15:46.6805900", ContextTokens: "374", GeneratedTokens: "44" }],
    ["baseten_trace", { timestamp_start_unix_ms: 1, prompt: "a", input_tokens: 1, output_tokens: 2 }],
    ["random_pool", { type: "random_pool", text: "a" }],
    ["raw_payload", { model: "m", messages: [{ role: "user", content: "a" }] }],
    ["inputs_json", { data: [{ session_id: "s", payloads: [] }] }],
    ["sagemaker_data_capture", { captureData: {}, eventMetadata: {} }],
    ["openai_batch", { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: { messages: [] } }],
    ["sharegpt", { id: "a", conversations: [{ from: "human", value: "hi" }] }],
    ["har", { log: { entries: [] } }],
  ];
  for (const [name, row] of known) it(`is ${name} for ${JSON.stringify(row)}`, () => expect(detected(row)).to.equal(name));

  it("is random_pool in a folder of texts without sessions and times, as in AIPerf", () => {
    const inFolder = (row: Record<string, unknown>) => {
      const found = detectFormat(row, { ...rowSource, isInFolder: true });
      return "format" in found && found.format.name;
    };
    expect(inFolder({ text: "a", images: [] })).to.equal("random_pool");
    expect(inFolder({ text: "a", session_id: "s" })).to.equal("single_turn");
    expect(inFolder({ turns: [{ text: "a" }] })).to.equal("multi_turn");
    expect(inFolder({ messages: [] })).to.equal("raw_payload");
  });

  it("is no body where messages are those of an agent's trajectory", () => {
    expect(detected({ conversation_id: "c", messages: [] })).to.contain("no format that is known");
  });

  it("is not guessed: the fields of an unknown row are told", () => {
    expect(detected({ prompt: "a", id: 1 })).to.contain(
      "has the field text, one of multi_turn has turns, this one has the fields prompt, id",
    );
    expect(detected({})).to.contain("no field");
  });

  const reasons: readonly (readonly [reason: string, row: Record<string, unknown>])[] = [
    ["its first row has text, output_length", { text: "a", id: 1, output_length: 3 }],
    ["its first row has the type single_turn", { text: "a", type: "single_turn" }],
    ["its first row has session_id, turns", { session_id: "s", turns: [] }],
  ];
  for (const [reason, row] of reasons) {
    it(`is told with its reason: ${reason}`, () => expect(detectFormat(row, rowSource)).to.include({ reason }));
  }
});
