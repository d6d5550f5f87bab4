import { expect } from "chai";
import { readChatEvent } from "../../../../endpoints/openai/chat-event.ts";
import { streamEvents } from "../../../../endpoints/openai/stream-events.ts";
import { chunk, content, finish, responseOf, sse } from "./answers.ts";

describe("every event of a stream", () => {
  it("has its kind and the moment of the read that completed it", () => {
    const half = sse(content("b"));
    const response = responseOf([
      { text: sse(chunk({ delta: { role: "assistant", content: "" } })), ms: 100 },
      { text: sse(chunk({ delta: { reasoning_content: "hm" } })), ms: 120 },
      { text: `${sse(content("a"))}: a comment\n\n${half.slice(0, 10)}`, ms: 140 },
      { text: half.slice(10), ms: 180 },
      { text: sse(finish), ms: 205 },
      { text: sse(chunk(undefined, { usage: { prompt_tokens: 1, completion_tokens: 6, total_tokens: 7 } }), "[DONE]"), ms: 206 },
    ]);
    expect(streamEvents(response, readChatEvent).map(({ kind, ns }) => [kind, ns / 1e6])).to.deep.equal([
      ["role", 100],
      ["reasoning", 120],
      ["content", 140],
      ["content", 180],
      ["finish", 205],
      ["usage", 206],
      ["end", 206],
    ]);
  });

  it("passes over what is no event of JSON", () => {
    expect(streamEvents(responseOf([{ text: "data: nonsense\n\ndata: [1]\n\n\0", ms: 1 }]), readChatEvent)).to.deep.equal([]);
  });
});
