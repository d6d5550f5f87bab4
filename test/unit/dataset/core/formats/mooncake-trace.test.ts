import { expect } from "chai";
import { mooncakeTraceFormat as format } from "../../../../../services/dataset/core/formats/mooncake-trace.ts";
import { problemOf, readerOptions, readerTools, rowOf, rowSource } from "../loading.ts";

describe("a row of mooncake_trace", () => {
  const turnOf = (row: Record<string, unknown>) => rowOf(format, row).turns[0];

  it("names the blocks of a prompt whose text is made", () => {
    const row = rowOf(format, { timestamp: 27.5, input_length: 655, output_length: 52, hash_ids: [46, 47] });
    expect(row.sessionId).to.equal(undefined);
    expect(row.turns).to.have.length(1);
    expect(row.turns[0]).to.deep.include({
      messages: [],
      recipe: { inputTokens: 655, blockIds: [46, 47], blockTokens: 512 },
      maxOutputTokens: 52,
      timestampMs: 27.5,
      delayMs: 0,
    });
    expect(row.turns[0].isSelfContained).to.equal(undefined);
  });

  it("has a prompt of its own without names of blocks, and more than its blocks where they do not reach", () => {
    expect(turnOf({ input_length: 10 }).recipe).to.deep.equal({ inputTokens: 10, blockIds: [], blockTokens: 512 });
    expect(turnOf({ input_length: 1000, hash_ids: [1] }).recipe).to.deep.include({ inputTokens: 1000, blockIds: [1] });
  });

  it("is a text, sent behind what the session has said", () => {
    const turn = turnOf({ text_input: "Hello", session_id: "s", delay: 2.5, extra: { nvext: { x: 1 } } });
    expect(turn).to.deep.include({
      messages: [{ role: "user", content: "Hello" }],
      delayMs: 2.5,
      extraInputs: { nvext: { x: 1 } },
    });
    expect(turn.isSelfContained).to.equal(undefined);
  });

  it("is messages as the API has them, sent by themselves", () => {
    const call = { role: "assistant", content: null, tool_calls: [{ id: "1" }] };
    const parts = { role: "user", content: [{ type: "text", text: "see" }] };
    const turn = turnOf({ messages: [{ role: "user", content: "a" }, call, parts], tools: [{ type: "function" }] });
    expect(turn).to.deep.include({
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "", json: JSON.stringify(call) },
        { role: "user", content: "see", json: JSON.stringify(parts) },
      ],
      toolsJson: '[{"type":"function"}]',
      isSelfContained: true,
    });
  });

  it("is a body, sent as it stands", () => {
    const turn = turnOf({ payload: { prompt: "Hello", max_tokens: 50 }, timestamp: 1000 });
    expect(turn).to.deep.include({ rawBody: '{"prompt":"Hello","max_tokens":50}', isSelfContained: true, messages: [] });
  });

  it("asks for one token where the trace's request got none", () => {
    expect(turnOf({ input_length: 10, output_length: 0 }).maxOutputTokens).to.equal(1);
  });

  it("has blocks of the length that somebody said", () => {
    const read = format
      .createReader({ ...readerOptions, blockTokens: 16 }, readerTools)
      .read({ input_length: 33, hash_ids: [1, 2, 3] }, rowSource);
    expect("row" in read && read.row?.turns[0].recipe?.blockTokens).to.equal(16);
  });

  it("says which of its fields there are not", () => {
    expect(rowOf(format, { input_length: 1, foo: 1, type: "mooncake_trace" }).unknownFields).to.deep.equal(["foo"]);
  });

  const wrong: readonly (readonly [row: Record<string, unknown>, problem: string])[] = [
    [{ output_length: 4 }, 'undefined: expected one of input_length, text_input, messages, payload, got {"output_length":4}'],
    [{ input_length: 4, text_input: "a" }, "text_input: input_length and text_input cannot be set together"],
    [{ text_input: "a", hash_ids: [1] }, "hash_ids: needs input_length"],
    [{ text_input: "a", tools: [{}] }, "tools: needs messages"],
    [{ input_length: 0 }, "input_length: expected a whole number from 1 to 10000000, got 0"],
    [{ input_length: 1.5 }, "input_length: expected a whole number from 1 to 10000000, got 1.5"],
    [{ input_length: 512, hash_ids: [1, 2] }, "input_length: 2 blocks of 512 tokens need an input length above 512, got 512"],
    [{ input_length: 4, hash_ids: 7 }, "hash_ids: expected a list of whole numbers, got 7"],
    [{ input_length: 600, hash_ids: [1, -2] }, "hash_ids/hash_ids[1]: expected a whole number from 0 to 2^64 − 1, got -2"],
    [{ input_length: 4, output_length: -1 }, "output_length: expected a whole number from 0 to 10000000, got -1"],
    [{ input_length: 4, timestamp: -1 }, "timestamp: expected a number from 0 to 4000000000000, got -1"],
    [{ input_length: 4, delay: "1" }, 'delay: expected a number from 0 to 604800000, got "1"'],
    [{ input_length: 4, session_id: "" }, 'session_id: expected a text that is not empty, got ""'],
    [{ input_length: 4, extra: 1 }, "extra: expected an object, got 1"],
    [{ input_length: 4, type: "text" }, 'type: expected "mooncake_trace", got "text"'],
    [{ text_input: "" }, 'text_input: expected a text that is not empty, got ""'],
    [{ messages: [] }, "messages: expected a list of messages that is not empty, got []"],
    [{ messages: [{ content: "a" }] }, "messages/messages[0]: expected an object with the role system"],
    [{ messages: [{ role: "user", content: "a" }], tools: [] }, "tools: expected a list of tools that is not empty, got []"],
    [{ payload: {} }, "payload: expected an object that is not empty, got {}"],
  ];
  for (const [row, problem] of wrong) {
    it(`is refused: ${JSON.stringify(row)}`, () => expect(problemOf(format, row)).to.contain(problem));
  }

  it("is refused in a session whose rows say otherwise what is sent", () => {
    const reader = format.createReader(readerOptions, readerTools);
    reader.read({ session_id: "s", input_length: 4 }, rowSource);
    const read = reader.read({ session_id: "s", payload: { a: 1 } }, rowSource);
    expect("problem" in read && read.problem.message).to.equal(
      "a session's rows have input_length and text_input or payload, not both",
    );
    expect("row" in reader.read({ session_id: "t", payload: { a: 1 } }, rowSource)).to.equal(true);
  });
});
