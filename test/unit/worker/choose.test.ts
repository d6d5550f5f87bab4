import { expect } from "chai";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { choiceOf } from "../../../services/worker/transport/choose.ts";

describe("the transport to a target", () => {
  const rows = [
    { origin: "http://h:1", asked: TransportKind.UNSPECIFIED, is: "http1" },
    { origin: "http://h:1", asked: TransportKind.AUTO, is: "http1" },
    { origin: "https://h:1", asked: TransportKind.AUTO, is: "undici" },
    { origin: "http://h:1", asked: TransportKind.UNDICI, is: "undici" },
    { origin: "https://h:1", asked: TransportKind.HTTP2, is: "http2" },
    { origin: "http://h:1", asked: TransportKind.HTTP2, is: "http2" },
    { origin: "http://h:1", asked: TransportKind.HTTP1, is: "http1" },
  ] as const;
  it("is not http1 where TLS is needed", () => {
    const target = { origin: "https://h:1", connectTimeoutMs: 1, isPooled: true };
    expect(() => choiceOf(target, TransportKind.HTTP1)).to.throw("http1 speaks no TLS, and https://h:1 needs it");
  });

  for (const { origin, asked, is } of rows) {
    it(`is ${is} for ${origin} where ${TransportKind[asked]} is asked for`, () => {
      expect(choiceOf({ origin, connectTimeoutMs: 1, isPooled: true }, asked)).to.equal(is);
    });
  }
});
