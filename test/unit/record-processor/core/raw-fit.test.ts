import { expect } from "chai";
import { fittedRaw } from "../../../../services/record-processor/core/raw-fit.ts";

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1);

describe("what is kept of a request and its answer", () => {
  const raw = { reads: bytes(10), payload: bytes(50), requestBody: bytes(30), responseHeaders: "{}" };
  const sizes = (most: number, otherBytes = 4): unknown[] => {
    const { reads, payload, requestBody, cutBytes } = fittedRaw(raw, otherBytes, most);
    return [reads.length, requestBody?.length, payload.length, cutBytes];
  };

  it("is all of it where it fits", () => {
    expect(fittedRaw(raw, 4, 100)).to.equal(raw);
  });

  it("is cut from its end: the answer, then the request's body, then stamps, which are all there or not at all", () => {
    expect(sizes(99)).to.deep.equal([10, 30, 49, 1]);
    expect(sizes(40)).to.deep.equal([10, 20, 0, 60]);
    expect(sizes(19)).to.deep.equal([0, 9, 0, 71]);
    expect(sizes(9)).to.deep.equal([0, 0, 0, 80]);
    expect(sizes(100, 5)).to.deep.equal([10, 30, 49, 1]);
  });
});
