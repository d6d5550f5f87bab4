import { expect } from "chai";
import type { ChatMessage, RawResponse } from "../../../../endpoints/endpoint.ts";
import { createOllamaChatEndpoint } from "../../../../endpoints/ollama/chat.ts";
import { createOllamaGenerateEndpoint } from "../../../../endpoints/ollama/generate.ts";
import { responseOf } from "../openai/answers.ts";
import { bodyOf, bodyText } from "../turns.ts";
import { json, lines, staysUnbroken } from "../unbroken.ts";

const chat = createOllamaChatEndpoint();
const generate = createOllamaGenerateEndpoint();

const ndjson = (...rows: readonly Record<string, unknown>[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const row = (rest: Record<string, unknown>): Record<string, unknown> => ({
  model: "llama3.2",
  created_at: "2026-01-01T00:00:00.123456Z",
  done: false,
  ...rest,
});
const said = (content: string, rest: Record<string, unknown> = {}) => row({ message: { role: "assistant", content, ...rest } });
const counts = { total_duration: 4883583458, load_duration: 1334875, prompt_eval_count: 26, eval_count: 298, eval_duration: 1 };
const end = row({ message: { role: "assistant", content: "" }, done: true, done_reason: "stop", ...counts });
const call = { function: { name: "weather", arguments: { city: "Köln" } } };

describe("ollama: the body of a request", () => {
  it("of chat has messages, a length among the options, and says whether it wants a stream", () => {
    expect(bodyText(chat, { maxOutputTokens: 16 })).to.equal(
      '{"model":"llama","messages":[{"role":"user","content":"grüß dich 🚂"}],"stream":false,"options":{"num_predict":16}}',
    );
    expect(bodyOf(chat, { isStreaming: true })).to.include({ stream: true });
  });

  it("merges options of the extra inputs into its own, and everything else shallowly", () => {
    const extraInputs = { keep_alive: -1, options: { temperature: 0 } };
    expect(bodyOf(chat, { maxOutputTokens: 16, extraInputs })).to.deep.include({
      keep_alive: -1,
      options: { num_predict: 16, temperature: 0 },
    });
  });

  it("of chat has images as bare base64, tools, and calls of the history with their arguments as objects", () => {
    const parts = [
      { modality: "text", content: "what is it?" },
      { modality: "image", content: "data:image/png;base64,iVBOR" },
    ] as const;
    const called = { role: "assistant", content: "", tool_calls: [{ id: "1", function: { name: "f", arguments: '{"a":1}' } }] };
    const messages: readonly ChatMessage[] = [
      { role: "user", content: "what is it?", parts },
      { role: "assistant", content: "", json: JSON.stringify(called) },
    ];
    const body = bodyOf(chat, { messages, tools: [{ type: "function" }] });
    expect(body.tools).to.deep.equal([{ type: "function" }]);
    expect(body.messages).to.deep.equal([
      { role: "user", content: "what is it?", images: ["iVBOR"] },
      { ...called, tool_calls: [{ id: "1", function: { name: "f", arguments: { a: 1 } } }] },
    ]);
  });

  it("of generate has a prompt and a system text", () => {
    const messages: readonly ChatMessage[] = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
    ];
    expect(bodyText(generate, { messages })).to.equal('{"model":"llama","prompt":"hi","system":"be brief","stream":false}');
  });
});

describe("ollama: an answer", () => {
  const parse = (text: string, changes: Partial<RawResponse> = lines) => chat.parse(responseOf([{ text, ms: 1 }], changes));

  it("is read whole of lines: reasoning, text, counts and the reason", () => {
    const parts = [
      { text: ndjson(said("", { thinking: "hm" })), ms: 10 },
      { text: ndjson(said("Köl")), ms: 20 },
      { text: ndjson(said("n"), end), ms: 30 },
    ];
    const { outputText, reasoningText, contentNs, firstOutputNs, usage, finishReason, error } = chat.parse(
      responseOf(parts, lines),
    );
    expect({ outputText, reasoningText, firstOutputNs, finishReason, error }).to.deep.equal({
      outputText: "Köln",
      reasoningText: "hm",
      firstOutputNs: 20e6,
      finishReason: "stop",
      error: undefined,
    });
    expect([...contentNs]).to.deep.equal([10e6, 20e6, 30e6]);
    expect([usage?.promptTokens, usage?.completionTokens, usage?.totalTokens]).to.deep.equal([26, 298, 324]);
  });

  it("may call tools, with all calls of all lines", () => {
    const { calling, outputText } = parse(ndjson(said("", { tool_calls: [call] }), said("", { tool_calls: [call] }), end));
    expect(calling?.calls.map(({ name, argumentsText }) => [name, argumentsText])).to.deep.equal([
      ["weather", '{"city":"Köln"}'],
      ["weather", '{"city":"Köln"}'],
    ]);
    expect(outputText).to.equal('weather{"city":"Köln"}'.repeat(2));
  });

  it("is complete with the line that is done, and truncated without", () => {
    expect(parse(ndjson(said("a"), said("b"))).error?.code).to.equal("truncated");
    expect(parse(ndjson(said("a"), end).trimEnd()).error).to.equal(undefined);
    expect(parse(ndjson(said("a"), row({ done: true }))).error).to.equal(undefined);
  });

  it("that reports an error between its lines is none", () => {
    const text = ndjson(said("a"), { error: "an error was encountered while running the model" });
    expect(parse(text).error).to.include({ code: "in_band_error" });
    expect(parse(`${ndjson(said("a"))}<html>\n`).error?.code).to.equal("parse");
  });

  it("is read of lines whatever a proxy calls their type, and of one document", () => {
    const text = ndjson(said("a"), end);
    expect(parse(text, { contentType: "text/plain" }).outputText).to.equal("a");
    const document = JSON.stringify({ ...end, message: { role: "assistant", content: "a" } });
    expect(parse(document, json)).to.include({ outputText: "a", isStreamIgnored: false });
    expect(parse(document, { ...json, isStreaming: true }).isStreamIgnored).to.equal(true);
  });

  it("of generate has its text in response", () => {
    const text = ndjson(row({ response: "Kö" }), row({ response: "ln" }), row({ response: "", done: true, context: [1, 2] }));
    expect(generate.parse(responseOf([{ text, ms: 1 }], lines)).outputText).to.equal("Köln");
  });

  describe("of chat", () =>
    staysUnbroken(chat, [
      { title: "a stream", text: ndjson(said("Kö"), said("ln", { thinking: "🚂" }), end), changes: lines },
      { title: "a document", text: JSON.stringify({ ...end, message: { content: "ü" } }), changes: json },
    ]));

  describe("of generate", () =>
    staysUnbroken(generate, [
      { title: "a stream", text: ndjson(row({ response: "Kö" }), row({ response: "ln", done: true })), changes: lines },
    ]));
});
