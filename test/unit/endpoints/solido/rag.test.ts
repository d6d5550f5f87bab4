import { expect } from "chai";
import { createSolidoRagEndpoint } from "../../../../endpoints/solido/rag.ts";
import { responseOf, sse } from "../openai/answers.ts";
import { bodyText } from "../turns.ts";
import { json, staysUnbroken } from "../unbroken.ts";

const endpoint = createSolidoRagEndpoint();
const stream = sse({ content: "Kö" }, { content: "ln" }, { sources: ["a.pdf"] });
const whole = JSON.stringify({ content: "Köln", sources: ["a.pdf"] });

describe("solido_rag", () => {
  it("asks with AIPerf's fields", () => {
    expect(bodyText(endpoint)).to.equal(
      '{"query":["grüß dich 🚂"],"filters":{"family":"Solido","tool":"SDE"},"inference_model":"llama"}',
    );
  });

  it("reads the content of events and of one document, and leaves the sources out", () => {
    expect(endpoint.parse(responseOf([{ text: stream, ms: 1 }]))).to.deep.include({ outputText: "Köln", error: undefined });
    expect(endpoint.parse(responseOf([{ text: whole, ms: 1 }], json))).to.deep.include({ outputText: "Köln", error: undefined });
  });

  staysUnbroken(endpoint, [
    { title: "a stream", text: stream, isEndUnmarked: true },
    { title: "a document", text: whole, changes: json },
  ]);
});
