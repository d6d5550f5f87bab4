/** What every parser of answers keeps, whatever its API: tests that each of them runs on its own fixtures. */
import { expect } from "chai";
import fc from "fast-check";
import type { Endpoint, ParsedResponse, RawResponse } from "../../../endpoints/endpoint.ts";
import { responseOf } from "./openai/answers.ts";

export interface Fixture {
  readonly title: string;
  readonly text: string | Uint8Array;
  /** Default: a stream of events that was asked for. */
  readonly changes?: Partial<RawResponse>;
  /** The end is the body's own: cut between two events, nobody could tell from the bytes. */
  readonly isEndUnmarked?: boolean;
}

export const json: Partial<RawResponse> = { contentType: "application/json", isStreaming: false };
export const lines: Partial<RawResponse> = { contentType: "application/x-ndjson" };

/** Everything but the stamps. */
function said({ contentNs, firstOutputNs: _, firsts: _firsts, coalescedChunks: _chunks, ...rest }: ParsedResponse): unknown {
  return { ...rest, chunks: contentNs.length };
}

/** Registers the tests: a record does not depend on how the bytes came, part of an answer is none, and nothing throws or passes by chance. */
export function staysUnbroken(endpoint: Endpoint, fixtures: readonly Fixture[]): void {
  for (const { title, text, changes = {}, isEndUnmarked = false } of fixtures) {
    const payload = Buffer.from(text as string);
    const whole = endpoint.parse(responseOf([{ text: payload, ms: 10 }], changes));

    it(`reads the same of ${title} cut at every byte, and stamps what the second read completes with its moment`, () => {
      for (let cut = 0; cut <= payload.length; cut++) {
        const parts = [
          { text: payload.subarray(0, cut), ms: 10 },
          { text: payload.subarray(cut), ms: 20 },
        ];
        const parsed = endpoint.parse(responseOf(parts, changes));
        expect(said(parsed), `cut at ${cut}`).to.deep.equal(said(whole));
        expect([...parsed.contentNs], `cut at ${cut}`).to.deep.equal([...parsed.contentNs].sort((one, other) => one - other));
      }
    });

    it(`reads the same of ${title} in reads of any size`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat({ max: payload.length }), { maxLength: 30 }), (cuts) => {
          const ends = [...cuts.sort((one, other) => one - other), payload.length];
          const parts = ends.map((end, index) => ({ text: payload.subarray(ends[index - 1] ?? 0, end), ms: index }));
          expect(said(endpoint.parse(responseOf(parts, changes)))).to.deep.equal(said(whole));
        }),
        { numRuns: 50 },
      );
    });

    it(`does not take a part of ${title} for a whole answer${isEndUnmarked ? ", unless it ends between two events" : ""}`, () => {
      for (let length = 0; length < payload.length; length++) {
        const parsed = endpoint.parse(responseOf([{ text: payload.subarray(0, length), ms: 1 }], changes));
        if (parsed.error !== undefined) continue;
        const rest = payload.subarray(length).toString();
        const isBetween = isEndUnmarked && /^\s*(?:data:|event:|$|\{)/.test(rest);
        const isWhole = isBetween || JSON.stringify(said(parsed)) === JSON.stringify(said(whole));
        expect(isWhole, `${length} bytes are a success, ${JSON.stringify(rest)} is missing`).to.equal(true);
      }
    });
  }

  it("never throws and finds no answer in bytes that are none, whatever their type and status", () => {
    const pieces = fixtures.map(({ text }) => Buffer.from(text as string));
    const slice = fc
      .tuple(fc.constantFrom(...pieces), fc.nat({ max: 400 }), fc.nat({ max: 400 }))
      .map(([piece, start, length]) => piece.subarray(start, start + length));
    const junk = fc.constantFrom(
      '{"a":',
      "null",
      "[]",
      "{}",
      '""',
      "data: ",
      "data: {}\n\n",
      "\n\n",
      "[DONE]",
      "[[[[",
      '{"error":1}',
    );
    const part = fc.oneof(
      slice,
      fc.uint8Array({ maxLength: 20 }),
      junk.map((text) => Buffer.from(text)),
    );
    const type = fc.constantFrom("text/event-stream", "application/json", "application/x-ndjson", "text/html", "");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), type, fc.boolean(), (parts, contentType, isStreaming) => {
        const reads = parts.map((text, index) => ({ text, ms: index }));
        const parsed = endpoint.parse(responseOf(reads, { contentType, isStreaming }));
        if (parsed.error === undefined) expect(parsed.contentNs.length).to.be.greaterThan(0);
        const failed = endpoint.parse(responseOf(reads, { contentType, isStreaming, status: 503 }));
        expect(failed.error?.code).to.be.oneOf(["http_5xx", "context_overflow"]);
      }),
      { numRuns: 300 },
    );
  });

  it("never takes random bytes for an answer", () => {
    const type = fc.constantFrom("text/event-stream", "application/json", "application/x-ndjson", "text/html", "");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), type, fc.boolean(), (bytes, contentType, isStreaming) => {
        const parsed = endpoint.parse(responseOf([{ text: bytes, ms: 1 }], { contentType, isStreaming }));
        expect(parsed.error).not.to.equal(undefined);
      }),
      { numRuns: 300 },
    );
  });
}
