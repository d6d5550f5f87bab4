import { expect } from "chai";
import { failureOf, isCut, ProxyFailure, proxyFailure } from "../../../services/worker/transport/failure.ts";

describe("failures of a transport", () => {
  const rows = [
    { code: "ECONNREFUSED", phase: "connect", is: "connect_refused" },
    { code: "ETIMEDOUT", phase: "connect", is: "connect_timeout" },
    { code: "UND_ERR_CONNECT_TIMEOUT", phase: "connect", is: "connect_timeout" },
    { code: "ENOTFOUND", phase: "connect", is: "name_resolution" },
    { code: "EAI_AGAIN", phase: "connect", is: "name_resolution" },
    { code: "EHOSTUNREACH", phase: "connect", is: "connect_failed" },
    { code: "ECONNRESET", phase: "connect", is: "connect_failed" },
    { code: "EMFILE", phase: "connect", is: "unsendable" },
    { code: "ENFILE", phase: "connect", is: "unsendable" },
    { code: "EADDRNOTAVAIL", phase: "connect", is: "unsendable" },
    { code: "DEPTH_ZERO_SELF_SIGNED_CERT", phase: "connect", is: "tls" },
    { code: "CERT_HAS_EXPIRED", phase: "connect", is: "tls" },
    { code: "ERR_TLS_CERT_ALTNAME_INVALID", phase: "connect", is: "tls" },
    { code: "ERR_SSL_WRONG_VERSION_NUMBER", phase: "wait", is: "tls" },
    { code: "ECONNRESET", phase: "wait", is: "reset" },
    { code: "EPIPE", phase: "wait", is: "reset" },
    { code: "ECONNRESET", phase: "stream", is: "reset" },
    { code: "UND_ERR_SOCKET", phase: "stream", is: "truncated" },
    { code: "HPE_INVALID_CONSTANT", phase: "wait", is: "parse" },
    { code: "UND_ERR_HEADERS_OVERFLOW", phase: "wait", is: "parse" },
    { code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH", phase: "stream", is: "truncated" },
    { code: "UND_ERR_INVALID_ARG", phase: "connect", is: "unsendable" },
  ] as const;
  for (const { code, phase, is } of rows) {
    it(`are ${is} for ${code} in phase ${phase}`, () => {
      expect(failureOf(withCode(code), phase, false).code).to.equal(is);
    });
  }

  it("are stale_connection only for a cut, before the answer, of a connection used before", () => {
    expect(failureOf(withCode("ECONNRESET"), "wait", true).code).to.equal("stale_connection");
    expect(failureOf(withCode("ECONNRESET"), "stream", true).code).to.equal("reset");
    expect(failureOf(withCode("HPE_INVALID_CONSTANT"), "wait", true).code).to.equal("parse");
  });

  it("are the proxy's own where there is no tunnel, but for what this host has run out of", () => {
    const refused = proxyFailure(new AggregateError([withCode("ECONNREFUSED", "no")]), "http://p:1");
    expect(failureOf(refused, "connect", false)).to.deep.equal({
      code: "proxy_unreachable",
      phase: "connect",
      message: "the proxy http://p:1: no",
    });
    expect(proxyFailure(refused, "http://p:2")).to.equal(refused).and.be.instanceOf(ProxyFailure);
    expect(failureOf(proxyFailure(withCode("EMFILE"), "http://p:1"), "connect", false).code).to.equal("unsendable");
  });

  it("look into the error that caused them, and into the first of several", () => {
    const caused = Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET", cause: withCode("ECONNRESET") });
    expect(failureOf(caused, "stream", false).code).to.equal("reset");
    expect(failureOf(new AggregateError([withCode("ECONNREFUSED"), withCode("ENETUNREACH")]), "connect", false).code).to.equal(
      "connect_refused",
    );
  });

  it("have words whatever was thrown", () => {
    for (const thrown of ["text", undefined, {}, new Error(""), withCode("EPIPE", "")]) {
      expect(failureOf(thrown, "wait", false).message).to.be.a("string");
    }
    expect(failureOf(withCode("EPIPE", ""), "wait", false).message).to.equal("EPIPE");
  });

  it("tell a connection that went by itself from anything else", () => {
    expect(isCut(withCode("ECONNRESET"))).to.equal(true);
    expect(isCut(withCode("UND_ERR_DESTROYED"))).to.equal(false);
    expect(isCut(withCode("UND_ERR_INVALID_ARG"))).to.equal(false);
  });
});

function withCode(code: string, message = "what happened"): Error {
  return Object.assign(new Error(message), { code });
}
