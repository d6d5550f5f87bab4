import { expect } from "chai";
import { bodyFacts } from "../../../endpoints/body-facts.ts";

const factsOf = (body: unknown) => bodyFacts(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));

describe("what a body says of its request", () => {
  it("is model, length, stream and the texts of a chat's messages, media aside", () => {
    const messages = [
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "what?" },
          { type: "image_url", image_url: { url: "http://h/i.png" } },
        ],
      },
      { role: "assistant", content: null, tool_calls: [] },
      "no message",
    ];
    expect(factsOf({ model: "m", messages, max_tokens: 9, max_completion_tokens: 7, stream: true })).to.deep.equal({
      model: "m",
      maxOutputTokens: 7,
      isStreaming: true,
      texts: ["be brief", "what?", "no message"],
    });
  });

  const others: readonly (readonly [body: Record<string, unknown>, texts: readonly string[], tokens?: number])[] = [
    [{ prompt: "a", max_tokens: 3 }, ["a"], 3],
    [{ prompt: ["a", "b"] }, ["a", "b"]],
    [{ prompt: [1, 2, 3] }, []],
    [{ input: "a", max_output_tokens: 4 }, ["a"], 4],
    [{ input: ["a", "b"] }, ["a", "b"]],
    [{ input: [{ role: "user", content: [{ type: "input_text", text: "a" }] }] }, ["a"]],
    [{ instructions: "be brief", input: "a" }, ["be brief", "a"]],
    [{ system: [{ type: "text", text: "be brief" }], messages: [{ role: "user", content: "a" }] }, ["be brief", "a"]],
    [{ query: { text: "q" }, passages: [{ text: "a" }, { text: "b" }] }, ["q", "a", "b"]],
    [{ query: "q", documents: ["a", { text: "b" }] }, ["q", "a", "b"]],
    [{ query: "q", texts: ["a"] }, ["q", "a"]],
    [{ messages: [], max_tokens: 0 }, []],
    [{ messages: [], max_tokens: "9" }, []],
  ];
  for (const [body, texts, maxOutputTokens] of others) {
    it(`is found in ${JSON.stringify(body)}, which asks for no stream`, () => {
      expect(factsOf(body)).to.deep.equal({ model: undefined, maxOutputTokens, isStreaming: false, texts });
    });
  }

  it("is nothing where the body is of another API, or no JSON", () => {
    const nothing = { model: undefined, maxOutputTokens: undefined, isStreaming: undefined, texts: [] };
    for (const body of [{ inputs: [{ name: "x" }] }, "[]", "{", ""]) expect(factsOf(body)).to.deep.equal(nothing);
  });
});
