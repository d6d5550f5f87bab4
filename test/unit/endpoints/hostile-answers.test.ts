import { expect } from "chai";
import { createEndpoint, endpointNames } from "../../../endpoints/catalog.ts";
import { responseOf } from "./openai/answers.ts";

const depth = 100_000;
const lists = "[".repeat(depth) + "]".repeat(depth);
const objects = `${'{"choices":[{"message":{"content":'.repeat(depth / 4)}"x"${"}}]}".repeat(depth / 4)}`;
const giant = "9".repeat(100_000);
const manyKeys = `{${Array.from({ length: 2_000 }, (_, at) => `"k${at}":${at}`).join(",")}}`;
const proto =
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"choices":[{"__proto__":{"message":{"content":"x"}}}],"usage":{"__proto__":{"prompt_tokens":1}}}';

const documents: Readonly<Record<string, string>> = {
  "lists in lists": lists,
  "lists in a field": `{"choices":${lists},"text":${lists},"data":${lists},"error":${lists},"usage":${lists},"content":${lists},"outputs":${lists}}`,
  "answers in answers": objects,
  "giant numbers": `{"usage":{"prompt_tokens":${giant},"completion_tokens":-1e999},"choices":[{"index":${giant},"message":{"content":"x"}}],"created":${giant}}`,
  "very many fields": manyKeys,
  "fields that every object has": proto,
};

describe("a hostile answer", () => {
  for (const [title, text] of Object.entries(documents)) {
    it(`of ${title} is read or refused, by every endpoint, streamed or not, and changes no object but its own`, () => {
      for (const name of endpointNames) {
        const endpoint = createEndpoint(name) ?? expect.fail(name);
        for (const [isStreaming, contentType, body] of [
          [false, "application/json", text],
          [true, "text/event-stream", `data: ${text}\n\ndata: [DONE]\n\n`],
          [true, "application/x-ndjson", `${text}\n`],
        ] as const) {
          const parsed = endpoint.parse(responseOf([{ text: Buffer.from(body), ms: 1 }], { isStreaming, contentType }));
          expect(parsed.outputText, `${name}, ${contentType}`).to.be.a("string");
        }
      }
      expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    });
  }
});
