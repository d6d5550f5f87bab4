import { expect } from "chai";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import { answeringCalls, replyOf } from "../../../services/common/session-history.ts";

const result = (content: string): ChatMessage => ({ role: "tool", content });
const idsOf = (messages: readonly ChatMessage[]) =>
  messages.map(({ json }) => (json === undefined ? undefined : JSON.parse(json).tool_call_id));

describe("what a session repeats", () => {
  const called = replyOf({
    outputText: "Let me see.look{}find[1]",
    calling: {
      text: "Let me see.",
      calls: [
        { id: "a", name: "look", argumentsText: "{}" },
        { id: "", name: "find", argumentsText: "[1]" },
      ],
    },
  });

  it("is the text of an answer", () => {
    expect(replyOf({ outputText: "yes" })).to.deep.equal({ role: "assistant", content: "yes" });
  });

  it("knows what the target calls an answer, where it has a name", () => {
    expect(replyOf({ outputText: "yes", answerId: "resp_1" })).to.include({ content: "yes", answerId: "resp_1" });
    const calling = { text: "", calls: [{ id: "a", name: "f", argumentsText: "" }] };
    expect(replyOf({ outputText: "f", calling, answerId: "resp_2" })).to.include({ answerId: "resp_2" });
  });

  it("is the calls of an answer apart from its text, each with an id", () => {
    expect(called.content).to.equal("Let me see.look{}find[1]");
    expect(JSON.parse(called.json ?? "")).to.deep.equal({
      role: "assistant",
      content: "Let me see.",
      tool_calls: [
        { id: "a", type: "function", function: { name: "look", arguments: "{}" } },
        { id: "call_1", type: "function", function: { name: "find", arguments: "[1]" } },
      ],
    });
  });

  it("gives results of tools the ids of the last answer's calls, in order, and none beyond them", () => {
    const messages = answeringCalls([result("1"), { role: "user", content: "?" }, result("2"), result("3")], [called]);
    expect(idsOf(messages)).to.deep.equal(["a", undefined, "call_1", undefined]);
    expect(JSON.parse(messages[0]?.json ?? "")).to.deep.equal({ role: "tool", tool_call_id: "a", content: "1" });
  });

  it("leaves a result that says its id, and all where nothing was called", () => {
    const named: ChatMessage = { role: "tool", content: "1", json: '{"role":"tool","tool_call_id":"z","content":"1"}' };
    expect(idsOf(answeringCalls([named, result("2")], [called]))).to.deep.equal(["z", "a"]);
    const plain = [result("1")];
    expect(answeringCalls(plain, [{ role: "assistant", content: "no" }])).to.deep.equal(plain);
    expect(answeringCalls(plain, [])).to.deep.equal(plain);
  });
});
