import { expect } from "chai";
import type { TurnInput } from "../../../../endpoints/endpoint.ts";
import { type ChatOptions, createChatEndpoint } from "../../../../endpoints/openai/chat.ts";

const turn: TurnInput = {
  model: "llama",
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: "grüß dich 🚂" },
  ],
  maxOutputTokens: undefined,
  isStreaming: false,
  extraInputs: {},
};

function bodyText(changes: Partial<TurnInput>, options?: ChatOptions): string {
  return Buffer.from(createChatEndpoint(options).formatBody({ ...turn, ...changes })).toString();
}

function body(changes: Partial<TurnInput>, options?: ChatOptions): Record<string, unknown> {
  return JSON.parse(bodyText(changes, options));
}

describe("chat: the body of a request", () => {
  it("has AIPerf's fields in AIPerf's order, as UTF-8", () => {
    expect(bodyText({ isStreaming: true, maxOutputTokens: 16 })).to.equal(
      '{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"grüß dich 🚂"}],"model":"llama",' +
        '"stream":true,"max_completion_tokens":16,"stream_options":{"include_usage":true}}',
    );
  });

  it("says nothing about length or stream options where neither was asked for", () => {
    expect(Object.keys(body({}))).to.deep.equal(["messages", "model", "stream"]);
  });

  it("writes max_tokens for servers that want it", () => {
    const written = body({ maxOutputTokens: 16 }, { useLegacyMaxTokens: true });
    expect(written.max_tokens).to.equal(16);
    expect(written).not.to.have.property("max_completion_tokens");
  });

  it("asks no stream for usage when that is switched off", () => {
    expect(body({ isStreaming: true }, { includeUsage: false })).not.to.have.property("stream_options");
  });

  const extras: readonly (readonly [string, Record<string, unknown>, Record<string, unknown>])[] = [
    ["adds extra inputs", { ignore_eos: true }, { ignore_eos: true, model: "llama" }],
    [
      "lets extra inputs replace fields",
      { model: "other", max_completion_tokens: 2 },
      { model: "other", max_completion_tokens: 2 },
    ],
    ["merges them shallowly", { messages: [] }, { messages: [] }],
    [
      "keeps the user's stream options beside its own",
      { stream_options: { a: 1 } },
      { stream_options: { include_usage: true, a: 1 } },
    ],
    ["lets the user say no to usage", { stream_options: { include_usage: false } }, { stream_options: { include_usage: false } }],
    ["asks for usage where stream options are null", { stream_options: null }, { stream_options: { include_usage: true } }],
    [
      "sends no stream options with a stream that extra inputs switch off",
      { stream: false },
      { stream: false, stream_options: undefined },
    ],
  ];
  for (const [title, extraInputs, expected] of extras) {
    it(title, () => {
      const written = body({ isStreaming: true, maxOutputTokens: 16, extraInputs });
      for (const [field, value] of Object.entries(expected)) expect(written[field], field).to.deep.equal(value);
    });
  }

  it("does not change the extra inputs it was given", () => {
    const extraInputs = { stream_options: { a: 1 } };
    bodyText({ isStreaming: true, extraInputs });
    expect(extraInputs).to.deep.equal({ stream_options: { a: 1 } });
  });
});
