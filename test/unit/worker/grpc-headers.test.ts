import { expect } from "chai";
import { headersOfCalls } from "../../../services/worker/transport/grpc-headers.ts";

const usual = { streamPer: "request", compression: "none", deadlineSec: Number.POSITIVE_INFINITY, idHeaders: [] } as const;

describe("headers of calls", () => {
  for (const [deadlineSec, text] of [
    [0.5, "500000u"],
    [99, "99000000u"],
    [100, "100000m"],
    [21_600, "21600000m"],
    [100_000, "100000S"],
    [1e12, "99999999S"],
  ] as const) {
    it(`say that a call may take ${deadlineSec} s in eight digits and a unit`, () => {
      expect(headersOfCalls({ ...usual, deadlineSec })(["a", "b"])).to.deep.equal(["a", "b", "grpc-timeout", text]);
    });
  }

  it("of a slot say nothing of how long it may take", () => {
    expect(headersOfCalls({ ...usual, streamPer: "slot", deadlineSec: 5 })([])).to.deep.equal([]);
  });

  it("name the compression, and what is understood", () => {
    expect(headersOfCalls({ ...usual, compression: "gzip" })([])).to.deep.equal([
      ...["grpc-encoding", "gzip"],
      ...["grpc-accept-encoding", "gzip,deflate"],
    ]);
  });

  it("that many requests share stay one list", () => {
    const headers = headersOfCalls({ ...usual, deadlineSec: 5 });
    const given = ["a", "b"];
    expect(headers(given)).to.equal(headers(given));
    expect(headers(["c", "d"])).to.deep.equal(["c", "d", "grpc-timeout", "5000000u"]);
  });
});
