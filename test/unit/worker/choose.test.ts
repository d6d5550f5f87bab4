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
    { origin: "grpc://h:1", asked: TransportKind.AUTO, is: "grpc" },
    { origin: "grpcs://h:1", asked: TransportKind.UNSPECIFIED, is: "grpc" },
  ] as const;
  const proxy = { shown: "http://p:1", isSecure: false, host: "p", port: 1 };

  it("leads through a proxy by undici or http2, and never by http1", () => {
    const target = { origin: "http://h:1", connectTimeoutMs: 1, isPooled: true, proxy };
    expect(choiceOf(target, TransportKind.AUTO)).to.equal("undici");
    expect(choiceOf(target, TransportKind.HTTP2)).to.equal("http2");
    expect(() => choiceOf(target, TransportKind.HTTP1)).to.throw("http1 goes through no proxy, and http://p:1 is asked for");
  });

  it("leads through no proxy to a Unix socket", () => {
    const target = { origin: "http://localhost", socketPath: "/run/s.sock", connectTimeoutMs: 1, isPooled: true, proxy };
    expect(() => choiceOf(target, TransportKind.AUTO)).to.throw("a proxy leads to no Unix socket, and /run/s.sock is one");
  });

  it("is not http1 where TLS is needed", () => {
    const target = { origin: "https://h:1", connectTimeoutMs: 1, isPooled: true };
    expect(() => choiceOf(target, TransportKind.HTTP1)).to.throw("http1 speaks no TLS, and https://h:1 needs it");
  });

  it("is gRPC's alone towards a server of gRPC", () => {
    const target = { origin: "grpc://h:1", connectTimeoutMs: 1, isPooled: true };
    const message = "target.transport: grpc://h:1 is reached by gRPC alone; use auto";
    for (const kind of [TransportKind.HTTP1, TransportKind.HTTP2]) expect(() => choiceOf(target, kind)).to.throw(message);
  });

  for (const { origin, asked, is } of rows) {
    it(`is ${is} for ${origin} where ${TransportKind[asked]} is asked for`, () => {
      expect(choiceOf({ origin, connectTimeoutMs: 1, isPooled: true }, asked)).to.equal(is);
    });
  }
});
