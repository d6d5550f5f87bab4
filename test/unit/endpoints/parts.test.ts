import { expect } from "chai";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import { createCompletionsEndpoint } from "../../../endpoints/openai/completions.ts";
import { contentsOf } from "../../../endpoints/parts.ts";

const ranking: ChatMessage = {
  role: "user",
  content: "q\na\nb",
  parts: [
    { modality: "text", content: "q", name: "query" },
    { modality: "text", content: "a", name: "passages" },
    { modality: "image", content: "http://h/i.png", name: "passages" },
    { modality: "text", content: "", name: "passages" },
    { modality: "text", content: "b", name: "passages" },
  ],
};
const plain: ChatMessage = { role: "user", content: "alone" };

describe("the parts of messages", () => {
  it("are found by kind and name, in order", () => {
    expect(contentsOf([ranking, plain], "text")).to.deep.equal(["q", "a", "b", "alone"]);
    expect(contentsOf([ranking, plain], "text", "passages")).to.deep.equal(["a", "b"]);
    expect(contentsOf([ranking, plain], "text", "query")).to.deep.equal(["q"]);
    expect(contentsOf([ranking], "image")).to.deep.equal(["http://h/i.png"]);
    expect(contentsOf([{ role: "user", content: "" }], "text")).to.deep.equal([]);
  });

  it("make the prompt of a completion, a text a line", () => {
    const turn = { model: "m", messages: [plain, ranking], maxOutputTokens: undefined, isStreaming: false, extraInputs: {} };
    const body = JSON.parse(Buffer.from(createCompletionsEndpoint().formatBody(turn)).toString());
    expect(body.prompt).to.equal("alone\nq\na\nb");
  });
});
