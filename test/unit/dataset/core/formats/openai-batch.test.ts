import { expect } from "chai";
import { openaiBatchFormat } from "../../../../../services/dataset/core/formats/openai-batch.ts";
import { loadingOf, problemOf, rowOf } from "../loading.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }], max_tokens: 7 };
const request = { custom_id: "r1", method: "POST", url: "/v1/chat/completions", body };

describe("a row of openai_batch", () => {
  it("is its body, under its own name", () => {
    const { sessionId, turns, unknownFields } = rowOf(openaiBatchFormat, { ...request, note: 1 });
    expect([sessionId, turns.length, turns[0].rawBody]).to.deep.equal(["r1", 1, JSON.stringify(body)]);
    expect(unknownFields).to.deep.equal(["note"]);
  });

  it("may be of a whole URL, and say no method", () => {
    const { method, ...silent } = request;
    const url = "https://api.openai.com/v1/chat/completions/?api-version=1";
    expect(rowOf(openaiBatchFormat, { ...silent, url }).sessionId).to.equal("r1");
    expect(method).to.equal("POST");
  });

  const sent = "expected /v1/chat/completions, which the run sends to (--endpoint-type, --custom-endpoint), got";
  const refused: readonly (readonly [changes: Record<string, unknown>, problem: string])[] = [
    [{ custom_id: "" }, 'custom_id: expected a text that is not empty, got ""'],
    [{ method: "GET" }, 'method: expected "POST", got "GET"'],
    [{ url: "/v1/embeddings" }, `url: ${sent} "/v1/embeddings"`],
    [{ url: "/v1/other-chat/completions" }, `url: ${sent} "/v1/other-chat/completions"`],
    [{ url: 7 }, `url: ${sent} 7`],
    [{ body: "x" }, 'body: expected an object that is not empty, got "x"'],
    [{ body: {} }, "body: expected an object that is not empty, got {}"],
  ];
  for (const [changes, problem] of refused) {
    it(`is refused by field: ${JSON.stringify(changes)}`, () => {
      expect(problemOf(openaiBatchFormat, { ...request, ...changes })).to.equal(problem);
    });
  }

  it("is refused where another one has its name", () => {
    const { push } = loadingOf({ format: undefined });
    const line = `${JSON.stringify(request)}\n`;
    expect(() => push(Buffer.from(line + line))).to.throw('line 2, column 2: custom_id: there is a request "r1" before it');
  });
});
