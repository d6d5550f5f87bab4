import { expect } from "chai";
import { chunk, content, finish, parseParts, parseText, sse } from "./answers.ts";

const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const role = chunk({ delta: { role: "assistant", content: "" } });

describe("chat: a streamed answer", () => {
  it("is read whole: text, finish reason, usage, a stamp for every chunk with content", () => {
    const parsed = parseParts(
      { text: sse(role), ms: 10 },
      { text: sse(content("Hel")), ms: 20 },
      { text: sse(content("lo")), ms: 30 },
      { text: sse(finish), ms: 40 },
      { text: sse(chunk(undefined, { usage }), "[DONE]"), ms: 50 },
    );
    expect(parsed).to.deep.equal({
      error: undefined,
      contentNs: Float64Array.of(20e6, 30e6),
      firstOutputNs: 20e6,
      firsts: { eventNs: 10e6, roleNs: 10e6, reasoningNs: undefined, textNs: 20e6, callNs: undefined },
      coalescedChunks: 0,
      outputText: "Hello",
      reasoningText: "",
      usage: { promptTokens: 5, completionTokens: 3, totalTokens: 8, reasoningTokens: undefined, cachedPromptTokens: undefined },
      finishReason: "stop",
      isStreamIgnored: false,
    });
  });

  it("stamps several events of one read alike and counts them as coalesced", () => {
    const parsed = parseParts(
      { text: sse(content("a"), content("b"), content("c")), ms: 10 },
      { text: sse(content("d"), finish, "[DONE]"), ms: 20 },
    );
    expect([...parsed.contentNs]).to.deep.equal([10e6, 10e6, 10e6, 20e6]);
    expect(parsed.coalescedChunks).to.equal(2);
  });

  it("stamps an event that spans reads with the read that completes it", () => {
    const text = sse(content("über"));
    const cut = Buffer.from(text).indexOf("ü") + 1;
    const parsed = parseParts(
      { text: Buffer.from(text).subarray(0, cut), ms: 10 },
      { text: Buffer.from(text).subarray(cut, cut + 3), ms: 20 },
      { text: Buffer.from(text).subarray(cut + 3), ms: 30 },
      { text: sse(finish, "[DONE]"), ms: 40 },
    );
    expect(parsed.outputText).to.equal("über");
    expect([...parsed.contentNs]).to.deep.equal([30e6]);
    expect(parsed.coalescedChunks).to.equal(0);
  });

  it("stamps an event whose blank line comes later with the blank line's read", () => {
    const parsed = parseParts(
      { text: sse(content("a")).slice(0, -1), ms: 10 },
      { text: `\n${sse(content("b"), finish)}`, ms: 20 },
    );
    expect([...parsed.contentNs]).to.deep.equal([20e6, 20e6]);
  });

  it("takes reasoning for content, and knows the first chunk that is none", () => {
    const parsed = parseParts(
      { text: sse(chunk({ delta: { reasoning_content: "hm" } })), ms: 10 },
      { text: sse(chunk({ delta: { reasoning: "m" } })), ms: 20 },
      { text: sse(chunk({ delta: { reasoning: "!", content: "so" } })), ms: 30 },
      { text: sse(content("."), finish, "[DONE]"), ms: 40 },
    );
    expect([parsed.reasoningText, parsed.outputText]).to.deep.equal(["hmm!", "so."]);
    expect([...parsed.contentNs]).to.deep.equal([10e6, 20e6, 30e6, 40e6]);
    expect(parsed.firstOutputNs).to.equal(30e6);
  });

  it("takes tool calls for content: names and arguments, also as an object or in the form of before 2023", () => {
    const call = (fn: unknown): Record<string, unknown> => chunk({ delta: { tool_calls: [{ index: 0, function: fn }] } });
    const parsed = parseText(
      sse(
        chunk({
          delta: {
            content: null,
            tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "find", arguments: "" } }],
          },
        }),
        call({ arguments: '{"a"' }),
        call({ arguments: ":1}" }),
        call({ name: "go", arguments: { b: 2 } }),
        chunk({ delta: { function_call: { name: "old", arguments: "{}" } } }),
        chunk({ delta: {}, finish_reason: "tool_calls" }),
        "[DONE]",
      ),
    );
    expect(parsed.outputText).to.equal('find{"a":1}go{"b":2}old{}');
    expect(parsed.contentNs).to.have.lengthOf(5);
    expect(parsed.finishReason).to.equal("tool_calls");
  });
  it("knows the calls apart from what is said beside them, however their pieces come", () => {
    const calls = (...toolCalls: unknown[]): Record<string, unknown> => chunk({ delta: { tool_calls: toolCalls } });
    const parsed = parseText(
      sse(
        chunk({ delta: { content: "Let me " } }),
        calls({ index: 0, id: "a" }),
        calls({ index: 0, function: { name: "look" } }, { index: 1, id: "b", function: { name: "find", arguments: "[" } }),
        chunk({ delta: { content: "see." } }),
        calls({ index: 1, function: { arguments: "1]" } }, { index: 0, function: { arguments: "{}" } }),
        chunk({ delta: {}, finish_reason: "tool_calls" }),
        "[DONE]",
      ),
    );
    expect(parsed.calling).to.deep.equal({
      text: "Let me see.",
      calls: [
        { id: "a", name: "look", argumentsText: "{}" },
        { id: "b", name: "find", argumentsText: "[1]" },
      ],
    });
    expect(parsed.outputText).to.equal("Let me lookfind[see.1]{}");
  });

  it("knows when the first event, the role, reasoning, text and a tool call came, each by itself", () => {
    const call = chunk({ delta: { tool_calls: [{ index: 0, function: { name: "find" } }] } });
    const parsed = parseParts(
      { text: ": working\n\n", ms: 5 },
      { text: sse(chunk(undefined, { prompt_filter_results: [] })), ms: 8 },
      { text: sse(role), ms: 10 },
      { text: sse(call), ms: 20 },
      { text: sse(chunk({ delta: { reasoning: "hm" } })), ms: 30 },
      { text: sse(content("so"), role), ms: 40 },
      { text: sse(content("!"), call, finish), ms: 50 },
    );
    expect(parsed.firsts).to.deep.equal({ eventNs: 8e6, roleNs: 10e6, callNs: 20e6, reasoningNs: 30e6, textNs: 40e6 });
    expect(parsed.firstOutputNs).to.equal(20e6);
  });

  it("has no moment of a role that comes with the first content, or of what never comes", () => {
    const parsed = parseText(sse(chunk({ delta: { role: "assistant", content: "a" } }), finish));
    expect(parsed.firsts).to.deep.equal({
      eventNs: 10e6,
      roleNs: undefined,
      callNs: undefined,
      reasoningNs: undefined,
      textNs: 10e6,
    });
  });

  for (const [title, delta] of [
    ["with null content", { role: "assistant", content: null }],
    ["with empty content", { content: "" }],
    ["with nothing but a role", { role: "assistant" }],
    ["with an empty delta", {}],
    ["with empty reasoning", { reasoning_content: "", content: null }],
    ["with an empty tool call", { tool_calls: [{ index: 0, id: "x" }] }],
  ] as const) {
    it(`does not take a chunk ${title} for content`, () => {
      const parsed = parseParts({ text: sse(chunk({ delta })), ms: 10 }, { text: sse(content("a"), finish), ms: 20 });
      expect([...parsed.contentNs]).to.deep.equal([20e6]);
    });
  }

  it("takes the last usage that names a count, wherever it comes", () => {
    const counted = (completion: number): Record<string, unknown> => ({
      ...content("a"),
      usage: { completion_tokens: completion },
    });
    const parsed = parseText(sse(counted(1), counted(2), { ...finish, usage: null }, chunk(undefined, { usage: {} }), "[DONE]"));
    expect(parsed.usage?.completionTokens).to.equal(2);
    expect(parsed.contentNs).to.have.lengthOf(2);
  });

  const complete: readonly (readonly [string, string])[] = [
    ["with [DONE] and no finish reason", sse(content("a"), "[DONE]")],
    ["with a finish reason and no [DONE]", sse(content("a"), finish)],
    ["whose last event has no blank line", sse(content("a"), finish).trimEnd()],
    ["cut off behind its finish reason", `${sse(content("a"), finish)}data: {"usa`],
    ["without a space behind the colon", sse(content("a"), finish, "[DONE]").replaceAll("data: ", "data:")],
    ["with CRLF", sse(content("a"), finish, "[DONE]").replaceAll("\n", "\r\n")],
    ["with CR", sse(content("a"), finish, "[DONE]").replaceAll("\n", "\r")],
    ["with comments, ids and a byte order mark", `\ufeff: hi\n\nid: 1\n${sse(content("a"))}: ping\n\n${sse(finish, "[DONE]")}`],
    ["with JSON over several data lines", sse(JSON.stringify(content("a"), null, 1).replaceAll("\n", "\ndata: "), finish)],
    ["with empty data between", sse("", content("a"), "", finish)],
    ["with something behind [DONE]", `${sse(content("a"), "[DONE]", content("b"))}junk`],
    ["with the text as parts", sse(chunk({ delta: { content: [{ type: "text", text: "a" }] } }), finish)],
    [
      "with several choices, of which the first counts",
      sse({ choices: [{ delta: { content: "a" } }, { delta: { content: "b" } }] }, finish, "[DONE]"),
    ],
  ];
  for (const [title, text] of complete) {
    it(`is complete ${title}`, () => {
      const parsed = parseText(text);
      expect(parsed.error).to.equal(undefined);
      expect(parsed.outputText).to.equal("a");
    });
  }

  it("is recognised by its events where the content type says nothing", () => {
    expect(parseText(sse(content("a"), finish), { contentType: "" }).outputText).to.equal("a");
  });

  it("is read also where none was asked for", () => {
    const parsed = parseText(sse(content("a"), finish), { isStreaming: false, contentType: "text/event-stream; charset=utf-8" });
    expect([parsed.outputText, parsed.error]).to.deep.equal(["a", undefined]);
  });
});
