import { expect } from "chai";
import { createChatEndpoint } from "../../../../endpoints/openai/chat.ts";
import { responseOf } from "./answers.ts";

const answer = JSON.stringify({
  id: "x",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "grün", reasoning_content: "hm" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8, completion_tokens_details: { reasoning_tokens: 1 } },
});

function parse(isStreaming: boolean): ReturnType<ReturnType<typeof createChatEndpoint>["parse"]> {
  const parts = [
    { text: answer.slice(0, 40), ms: 10 },
    { text: answer.slice(40), ms: 20 },
  ];
  return createChatEndpoint().parse(responseOf(parts, { contentType: "application/json; charset=utf-8", isStreaming }));
}

describe("chat: an answer in one document", () => {
  it("is read whole, with one content stamp: its last read", () => {
    const parsed = parse(false);
    expect(parsed.error).to.equal(undefined);
    expect([parsed.outputText, parsed.reasoningText, parsed.finishReason]).to.deep.equal(["grün", "hm", "stop"]);
    expect([...parsed.contentNs]).to.deep.equal([20e6]);
    expect(parsed.usage?.reasoningTokens).to.equal(1);
    expect(parsed.isStreamIgnored).to.equal(false);
  });

  it("is marked where a stream had been asked for", () => {
    const parsed = parse(true);
    expect([parsed.outputText, parsed.error, parsed.isStreamIgnored]).to.deep.equal(["grün", undefined, true]);
  });
});
