import { expect } from "chai";
import { aiperfError, type FailedRequest } from "../../../../services/records-manager/exports/aiperf-error.ts";

function error(changes: Partial<FailedRequest>) {
  return aiperfError({ code: "reset", phase: "stream", status: 0, message: "what happened", isCancelled: false, ...changes });
}

describe("a failed request in AIPerf's words", () => {
  const rows: readonly (readonly [what: string, request: Partial<FailedRequest>, code: number | undefined, type: string])[] = [
    ["a refusal by status", { code: "http_5xx", status: 503 }, 503, "Service Unavailable"],
    ["a status without a name", { code: "http_other", status: 799 }, 799, "HTTP 799"],
    ["a prompt refused as too long", { code: "context_overflow", status: 400 }, 400, "Bad Request"],
    ["a prompt found too long in the stream", { code: "context_overflow", status: 200 }, 502, "SSEResponseError"],
    ["an error in the stream", { code: "in_band_error", status: 200 }, 502, "SSEResponseError"],
    ["a cancelled request", { code: "cancelled", status: 200, isCancelled: true }, 499, "RequestCancellationError"],
    ["a refused connection", { code: "connect_refused" }, undefined, "ClientConnectorError"],
    ["a proxy that is not there", { code: "proxy_unreachable" }, undefined, "ClientProxyConnectionError"],
    ["a proxy that refuses", { code: "proxy_refused" }, undefined, "ClientHttpProxyError"],
    ["a timeout", { code: "request_timeout" }, undefined, "TimeoutError"],
    ["a cut answer", { code: "truncated", status: 200 }, undefined, "ClientPayloadError"],
    ["an empty answer", { code: "empty", status: 200 }, undefined, "InvalidInferenceResultError"],
    ["what AIPerf does not know", { code: "unsendable" }, undefined, "unsendable"],
    ["a code of a later version", { code: "teapot" }, undefined, "teapot"],
  ];
  for (const [what, request, code, type] of rows) {
    it(`is ${type}${code === undefined ? "" : ` ${code}`} for ${what}`, () => {
      const found = error(request);
      expect(found).to.include({ type, message: "what happened" });
      expect("code" in found ? found.code : undefined).to.equal(code);
    });
  }

  it("keeps our own code and phase in the details", () => {
    expect(error({}).details).to.deep.equal({ code: "reset", phase: "stream" });
    expect(error({ phase: "" }).details).to.deep.equal({ code: "reset" });
  });
});
