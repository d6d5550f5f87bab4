import { expect } from "chai";
import fc from "fast-check";
import { createEndpoint } from "../../../endpoints/catalog.ts";
import { type ReasoningTags, TagSplitter } from "../../../endpoints/reasoning-tags.ts";
import { chunk, content, finish, type ReadPart, responseOf, sse } from "./openai/answers.ts";

function split(mode: "auto" | "open", ...pieces: readonly string[]) {
  const splitter = new TagSplitter(mode);
  const all = [...pieces.map((piece) => splitter.add(piece)), splitter.end()];
  return [all.map(({ reasoning }) => reasoning).join(""), all.map(({ output }) => output).join("")];
}

const texts: readonly (readonly [mode: "auto" | "open", text: string, reasoning: string, output: string])[] = [
  ["auto", "<think>Why</think>So", "Why", "So"],
  ["auto", "\n <think>\nWhy\n</think>\n\nSo", "\nWhy\n", "\n\nSo"],
  ["auto", "<think></think>So", "", "So"],
  ["auto", "<think>Why", "Why", ""],
  ["auto", "<think>a < b </thin k></think>", "a < b </thin k>", ""],
  ["auto", "<think>a</think>b<think>c</think>", "a", "b<think>c</think>"],
  ["auto", "So <think>not</think>", "", "So <think>not</think>"],
  ["auto", "<thinking>So", "", "<thinking>So"],
  ["auto", "<thi", "", "<thi"],
  ["auto", " \n", "", " \n"],
  ["auto", "", "", ""],
  ["auto", "Why</think>So", "", "Why</think>So"],
  ["open", "Why</think>So", "Why", "So"],
  ["open", "<think>Why</think>So", "Why", "So"],
  ["open", "Why", "Why", ""],
  ["open", "<th", "<th", ""],
];

describe("reasoning between tags", () => {
  for (const [mode, text, reasoning, output] of texts) {
    it(`of ${JSON.stringify(text)} (${mode}) is ${JSON.stringify(reasoning)}, however it is cut`, () => {
      expect(split(mode, text)).to.deep.equal([reasoning, output]);
      expect(split(mode, ...text)).to.deep.equal([reasoning, output]);
      for (let cut = 0; cut <= text.length; cut++) {
        expect(split(mode, text.slice(0, cut), text.slice(cut)), `cut at ${cut}`).to.deep.equal([reasoning, output]);
      }
    });
  }

  it("loses and invents nothing but the tags, whatever comes and however it is cut", () => {
    const piece = fc.constantFrom("<", "<think>", "</think>", "think>", "</", " ", "\n", "a", "<thi", "nk>");
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom("auto", "open"), (pieces, mode) => {
        const [reasoning = "", output = ""] = split(mode, ...pieces);
        expect(split(mode, pieces.join(""))).to.deep.equal([reasoning, output]);
        const bare = (text: string) => text.replaceAll(/<\/?think>|\s/g, "");
        expect(bare(`${reasoning}</think>${output}`).length).to.equal(bare(pieces.join("")).length);
      }),
    );
  });

  const parsed = (mode: ReasoningTags, ...parts: readonly ReadPart[]) =>
    (createEndpoint("chat", { reasoningTags: mode }) ?? expect.fail()).parse(responseOf(parts));
  const streamed: readonly ReadPart[] = ["<th", "ink>", "Why", "?</", "think>So", " be it."].map((text, index) => ({
    text: sse(content(text)),
    ms: 10 * (index + 1),
  }));
  const end = { text: sse(finish, "[DONE]"), ms: 100 };

  it("of a stream has its moments and its text apart, each chunk a chunk with content", () => {
    const { contentNs, firstOutputNs, firsts, outputText, reasoningText, error } = parsed("auto", ...streamed, end);
    expect([reasoningText, outputText, error]).to.deep.equal(["Why?", "So be it.", undefined]);
    expect([...contentNs].map((ns) => ns / 1e6)).to.deep.equal([10, 20, 30, 40, 50, 60]);
    expect([firsts?.reasoningNs, firsts?.textNs, firstOutputNs]).to.deep.equal([10e6, 50e6, 50e6]);
  });

  it("is text where that is asked for", () => {
    const { firsts, outputText, reasoningText } = parsed("off", ...streamed, end);
    expect([reasoningText, outputText]).to.deep.equal(["", "<think>Why?</think>So be it."]);
    expect([firsts?.reasoningNs, firsts?.textNs]).to.deep.equal([undefined, 10e6]);
  });

  it("begins with the stream where the prompt has opened it", () => {
    const { firsts, outputText, reasoningText } = parsed("open", ...streamed.slice(2), end);
    expect([reasoningText, outputText]).to.deep.equal(["Why?", "So be it."]);
    expect([firsts?.reasoningNs, firsts?.textNs]).to.deep.equal([30e6, 50e6]);
  });

  it("gives text that only looked like a tag the moment at which it began to come", () => {
    const parts = ["\n", "<th", "ing>", "!"].map((text, index) => ({ text: sse(content(text)), ms: 10 * (index + 1) }));
    const { firstOutputNs, outputText, reasoningText } = parsed("auto", ...parts, end);
    expect([firstOutputNs, outputText, reasoningText]).to.deep.equal([10e6, "\n<thing>!", ""]);
  });

  it("is over with a call of a tool, and is not looked for where the server tells reasoning apart", () => {
    const call = chunk({ delta: { tool_calls: [{ index: 0, function: { name: "find", arguments: "{}" } }] } });
    const called = parsed("auto", { text: sse(content("<think>Why</th"), call, content("</think>")), ms: 10 }, end);
    expect([called.reasoningText, called.outputText]).to.deep.equal(["Why</th", "find{}</think>"]);
    expect(called.calling?.text).to.equal("</think>");
    const apart = parsed("auto", { text: sse(chunk({ delta: { reasoning: "Why" } }), content("<think>")), ms: 10 }, end);
    expect([apart.reasoningText, apart.outputText]).to.deep.equal(["Why", "<think>"]);
  });

  it("of a document with a call is taken out of what a later turn repeats", () => {
    const message = {
      content: "<think>Why</think>Let me see.",
      tool_calls: [{ id: "c", function: { name: "find", arguments: "{}" } }],
    };
    const text = JSON.stringify({ choices: [{ index: 0, message, finish_reason: "tool_calls" }] });
    const endpoint = createEndpoint("chat") ?? expect.fail();
    const answer = endpoint.parse(responseOf([{ text, ms: 5 }], { contentType: "application/json", isStreaming: false }));
    expect([answer.reasoningText, answer.outputText]).to.deep.equal(["Why", "Let me see.find{}"]);
    expect(answer.calling?.text).to.equal("Let me see.");
  });
});
