import { expect } from "chai";
import { chunk, content, finish, parseParts, parseText, sse } from "./answers.ts";

const json = { contentType: "application/json", isStreaming: false };

describe("chat: dialects", () => {
  it("counts audio as content, and its transcript as text", () => {
    const audio = (fields: Record<string, unknown>) => chunk({ delta: { audio: { id: "audio_1", ...fields } } });
    const parsed = parseParts(
      { text: sse(chunk({ delta: { role: "assistant", content: null } })), ms: 5 },
      { text: sse(audio({ data: "UklG" })), ms: 10 },
      { text: sse(audio({ transcript: "Hel" })), ms: 20 },
      { text: sse(audio({ transcript: "lo", data: "AAAA" })), ms: 30 },
      { text: sse(audio({ expires_at: 1 }), finish, "[DONE]"), ms: 40 },
    );
    expect(parsed).to.include({ error: undefined, outputText: "Hello", firstOutputNs: 10e6 });
    expect([...parsed.contentNs]).to.deep.equal([10e6, 20e6, 30e6]);
  });

  it("takes a whole answer that is audio alone", () => {
    const message = { role: "assistant", content: null, audio: { id: "a", data: "UklG", transcript: "Hello" } };
    const parsed = parseText(
      JSON.stringify({ object: "chat.completion", choices: [{ index: 0, message, finish_reason: "stop" }] }),
      json,
    );
    expect(parsed).to.include({ error: undefined, outputText: "Hello" });
  });

  it("follows the first of several answers through a stream that has them in turns", () => {
    const of = (index: number, text: string) => chunk({ index, delta: { content: text } });
    const end = (index: number, reason: string) => chunk({ index, delta: {}, finish_reason: reason });
    const text = sse(of(1, "b"), of(0, "a"), of(1, "B"), of(0, "A"), end(1, "stop"), of(0, "!"), end(0, "length"), "[DONE]");
    expect(parseText(text)).to.include({ error: undefined, outputText: "aA!", finishReason: "length" });
    const document = { choices: [1, 0].map((index) => ({ index, message: { content: `${index}` }, finish_reason: "stop" })) };
    expect(parseText(JSON.stringify(document), json).outputText).to.equal("0");
  });

  it("is truncated where another of several answers ended alone", () => {
    const text = sse(content("a"), chunk({ index: 1, delta: {}, finish_reason: "stop" }));
    expect(parseText(text).error?.code).to.equal("truncated");
  });

  it("takes probabilities for what they are", () => {
    const logprobs = (token: string) => ({
      content: [{ token, logprob: -0.25, bytes: [72], top_logprobs: [{ token: "x", logprob: -3 }] }],
    });
    const events = ["Hel", "lo"].map((token) => chunk({ delta: { content: token }, logprobs: logprobs(token) }));
    const parsed = parseText(sse(...events, ...events, finish, "[DONE]"));
    expect(parsed).to.include({ error: undefined, outputText: "HelloHello" });
    expect(parsed.contentNs.length).to.equal(4);
  });
});
