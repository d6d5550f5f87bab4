import { expect } from "chai";
import { rawPayloadFormat } from "../../../../../services/dataset/core/formats/raw-payload.ts";
import { loadingOf, problemOf, rowOf } from "../loading.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }], max_tokens: 7, stream: true };

describe("a row of raw_payload", () => {
  it("is a body that is sent as it is, by itself", () => {
    expect(rowOf(rawPayloadFormat, body)).to.deep.equal({
      sessionId: undefined,
      turns: [
        {
          messages: [],
          maxOutputTokens: 7,
          model: undefined,
          extraInputs: undefined,
          delayMs: 0,
          timestampMs: undefined,
          rawBody: JSON.stringify(body),
          isSelfContained: true,
        },
      ],
      unknownFields: [],
    });
  });

  it("may be a prompt or an input, too", () => {
    for (const other of [{ prompt: "a" }, { input: ["a"] }]) {
      expect(rowOf(rawPayloadFormat, other).turns[0].rawBody).to.equal(JSON.stringify(other));
    }
  });

  it("is a turn of its file's conversation in a folder", () => {
    expect(rowOf(rawPayloadFormat, body, { file: "a.jsonl", isInFolder: true }).sessionId).to.equal("a.jsonl");
  });

  it("is refused where it is no body", () => {
    const problem = "undefined: expected a request's body, with a list of messages, a prompt or an input, got ";
    for (const row of [{ model: "m" }, { messages: "hi" }, {}]) {
      expect(problemOf(rawPayloadFormat, row)).to.equal(problem + JSON.stringify(row));
    }
  });

  it("comes with all turns of the conversations that are kept of a folder", () => {
    const { load, push, end } = loadingOf({ path: "/data", format: "raw_payload", maxConversations: 1 });
    const at = (file: string) => load.enter({ file, isInFolder: true, container: "jsonl" });
    at("a.jsonl");
    push(Buffer.from('{"prompt":"a1"}\n{"prompt":"a2"}\n'));
    at("b.jsonl");
    push(Buffer.from('{"prompt":"b1"}\n{"no":"body"}\n'));
    const { conversations, turns } = end();
    expect([conversations.size, turns.size]).to.deep.equal([1, 2]);
  });
});
