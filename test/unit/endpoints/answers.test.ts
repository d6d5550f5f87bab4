import { expect } from "chai";
import fc from "fast-check";
import { createEndpoint, endpointNames } from "../../../endpoints/catalog.ts";
import type { Endpoint, ParsedResponse, RawResponse } from "../../../endpoints/endpoint.ts";
import { type AnswerFixture, answerFixtures } from "./fixtures.ts";
import { type ReadPart, responseOf } from "./openai/answers.ts";

function made(name: string): Endpoint {
  return createEndpoint(name) ?? expect.fail(`there is no endpoint ${name}`);
}

function received({ isStreaming }: Pick<AnswerFixture, "isStreaming">, parts: readonly ReadPart[]): RawResponse {
  return responseOf(parts, { isStreaming, contentType: isStreaming ? "text/event-stream" : "application/json" });
}

/** Everything but when it came. */
function said({ contentNs, firstOutputNs, firsts, coalescedChunks, ...rest }: ParsedResponse) {
  const came = Object.entries(firsts ?? {}).flatMap(([kind, ns]) => (ns === undefined ? [] : [kind]));
  return { ...rest, chunks: contentNs.length, hasOutput: firstOutputNs !== undefined, came };
}

/** The pieces of a payload between some offsets, a millisecond apart. */
function cutAt(payload: Buffer, offsets: readonly number[]): ReadPart[] {
  const inner = [...new Set(offsets)].sort((one, other) => one - other);
  return [0, ...inner].map((start, index) => ({ text: payload.subarray(start, inner[index]), ms: index + 1 }));
}

describe("an answer", () => {
  for (const fixture of answerFixtures) {
    describe(`of ${fixture.endpoint}: ${fixture.title}`, () => {
      const payload = Buffer.from(fixture.body);
      const whole = made(fixture.endpoint).parse(received(fixture, [{ text: payload, ms: 10 }]));

      it("is complete and says what it says", () => {
        expect(whole).to.deep.include({ error: undefined, isStreamIgnored: false, ...fixture.says });
        expect([...whole.contentNs]).to.deep.equal(new Array(fixture.chunks).fill(10e6));
      });

      it("says the same cut at every byte, and each chunk came with the read that completes it", () => {
        const endpoint = made(fixture.endpoint);
        let before = fixture.chunks;
        for (let cut = 0; cut <= payload.length; cut++) {
          const parsed = endpoint.parse(received(fixture, cutAt(payload, [cut])));
          expect(said(parsed), `cut at ${cut}`).to.deep.equal(said(whole));
          const late = parsed.contentNs.filter((ns) => ns === 2e6).length;
          expect(late, `late chunks, cut at ${cut}`).to.be.at.most(before);
          before = late;
        }
        expect(before).to.equal(0);
      });

      it("says the same in whatever reads it came, by one that has read others before", () => {
        const endpoint = made(fixture.endpoint);
        const offsets = fc.array(fc.integer({ min: 0, max: payload.length }), { maxLength: 12 });
        fc.assert(
          fc.property(offsets, (cuts) => {
            expect(said(endpoint.parse(received(fixture, cutAt(payload, cuts))))).to.deep.equal(said(whole));
          }),
          { numRuns: 50 },
        );
      });

      it("is an error where its end is missing", () => {
        const endpoint = made(fixture.endpoint);
        for (let length = 0; length < payload.length; length++) {
          const parsed = endpoint.parse(received(fixture, [{ text: payload.subarray(0, length), ms: 1 }]));
          // A stream is complete once it has said why it ends: what follows are formalities.
          if (parsed.error !== undefined)
            expect(parsed.error.code, `${length} bytes`).to.be.oneOf(["truncated", "parse", "empty"]);
          else expect(fixture.isStreaming, `${length} bytes`).to.equal(true);
        }
      });
    });
  }

  for (const name of endpointNames) {
    it(`of ${name} is never an exception, and never a success without content, whatever bytes come`, () => {
      const endpoint = made(name);
      const pieces = answerFixtures
        .filter((fixture) => fixture.endpoint === name)
        .flatMap(({ body }) => body.split(/(?<=[,:\n])/));
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom("data: ", "event: error\n", "\n\n", "[DONE]", "null", ...pieces).map((text) => Buffer.from(text)),
        fc.anything().map((value) => Buffer.from(`data: ${JSON.stringify(value) ?? "1"}\n\n`)),
      );
      fc.assert(
        fc.property(fc.array(piece), fc.constantFrom("text/event-stream", "application/json", ""), (all, contentType) => {
          const parsed = endpoint.parse(
            responseOf(
              all.map((text, index) => ({ text, ms: index })),
              { contentType },
            ),
          );
          if (parsed.error === undefined) expect(parsed.contentNs.length).to.be.greaterThan(0);
        }),
        { numRuns: 200 },
      );
    });

    it(`of ${name} with fields of any kind is never an exception`, () => {
      const endpoint = made(name);
      const value = fc.jsonValue({ maxDepth: 3 });
      const fields = [
        "type",
        "delta",
        "response",
        "item",
        "content_block",
        "message",
        "usage",
        "data",
        "results",
        "rankings",
        "output",
      ];
      const event = fc.dictionary(fc.constantFrom(...fields, "b64_json", "index", "content", "choices", "error"), value);
      const types = answerFixtures.flatMap(({ body }) => [...body.matchAll(/"type":"([^"]+)"/g)].map(([, type = ""]) => type));
      fc.assert(
        fc.property(event, fc.constantFrom(...types), (body, type) => {
          const text = JSON.stringify({ ...body, type });
          endpoint.parse(responseOf([{ text: `data: ${text}\n\n`, ms: 1 }]));
          endpoint.parse(responseOf([{ text, ms: 1 }], { contentType: "application/json", isStreaming: false }));
        }),
        { numRuns: 200 },
      );
    });
  }
});
