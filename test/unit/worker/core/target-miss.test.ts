import { expect } from "chai";
import type { RequestErrorCode, RequestErrorPhase } from "../../../../endpoints/outcome.ts";
import { targetMissOf } from "../../../../services/worker/core/target-miss.ts";

const rows: readonly (readonly [RequestErrorCode, RequestErrorPhase, ReturnType<typeof targetMissOf>])[] = [
  ["connect_refused", "connect", "unreached"],
  ["connect_timeout", "connect", "unreached"],
  ["connect_failed", "connect", "unreached"],
  ["name_resolution", "connect", "unreached"],
  ["tls", "tls", "unreached"],
  ["request_timeout", "connect", "unreached"],
  ["cancelled", "connect", "untried"],
  ["unsendable", "connect", "untried"],
  ["unsendable", "send", "untried"],
  ["fenced", "send", "untried"],
  ["endpoint_module", "send", "untried"],
  ["cancelled", "stream", undefined],
  ["reset", "wait", undefined],
  ["stale_connection", "wait", undefined],
  ["http_5xx", "wait", undefined],
];

describe("the end of a request", () => {
  for (const [code, phase, miss] of rows) {
    it(`with ${code} (${phase}) says of its target: ${miss ?? "it was there"}`, () => {
      expect(targetMissOf({ code, phase, message: "" })).to.equal(miss);
    });
  }

  it("without an error says that it was there", () => {
    expect(targetMissOf(undefined)).to.equal(undefined);
  });
});
