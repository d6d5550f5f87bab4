import { expect } from "chai";
import fc from "fast-check";
import { type Parsed, RequestParser } from "../../../../mock/http/request-parser.ts";

const limits = { headBytes: 1024, bodyBytes: 4096 };

const withLength = "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world";
const chunked =
  "POST /c HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;ext=1\r\nhello\r\n06\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n";
const get = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** Feeds the pieces one by one and pulls everything after each. */
function parse(pieces: readonly string[]): Parsed[] {
  const parser = new RequestParser(limits);
  const parsed: Parsed[] = [];
  for (const piece of pieces) {
    parser.feed(Buffer.from(piece, "latin1"));
    for (let next = parser.next(); next !== undefined; next = parser.next()) parsed.push(next);
  }
  return parsed;
}

const shown = (parsed: readonly Parsed[]) =>
  parsed.map((one) =>
    one.kind === "request" ? `${one.method} ${one.path} ${one.keepAlive ? "keep" : "close"} ${one.body}` : one.kind,
  );

const statusOf = (text: string) => parse([text]).map((one) => (one.kind === "fault" ? one.status : one.kind));

const three = [withLength, chunked, get].join("");
const expected = ["POST /v1/chat keep hello world", "POST /c keep hello world", "GET /health close "];

describe("mock request parser", () => {
  it("reads pipelined requests with a length, chunks and no body", () => {
    expect(shown(parse([three]))).to.deep.equal(expected);
  });

  it("reads the same whatever the point where the bytes are split", () => {
    for (let i = 0; i <= three.length; i++) {
      expect(shown(parse([three.slice(0, i), three.slice(i)])), `split at ${i}`).to.deep.equal(expected);
    }
  });

  it("reads the same from single bytes", () => {
    expect(shown(parse([...three]))).to.deep.equal(expected);
  });

  it("reads the same from any pieces (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(three.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), three.length];
        expect(shown(parse(at.slice(1).map((end, i) => three.slice(at[i], end))))).to.deep.equal(expected);
      }),
    );
  });

  it("holds what is not pulled, so that a pipelined request waits", () => {
    const parser = new RequestParser(limits);
    parser.feed(Buffer.from(withLength + get));
    parser.next();
    expect(parser.heldBytes).to.equal(get.length);
    expect(shown([parser.next() as Parsed])).to.deep.equal([expected[2]]);
    expect(parser.next()).to.equal(undefined);
  });

  it("wishes for 100 Continue once, and only while the body has not begun", () => {
    const head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    expect(shown(parse([head, "o", "k"]))).to.deep.equal(["continue", "POST / keep ok"]);
    expect(shown(parse([`${head}o`, "k"]))).to.deep.equal(["POST / keep ok"]);
    expect(shown(parse([`${head}ok`]))).to.deep.equal(["POST / keep ok"]);
  });

  it("keeps HTTP/1.0 connections only when asked to", () => {
    expect(shown(parse(["GET / HTTP/1.0\r\n\r\n"]))).to.deep.equal(["GET / close "]);
    expect(shown(parse(["GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"]))).to.deep.equal(["GET / keep "]);
  });

  it("ignores empty lines before a request and accepts absolute targets", () => {
    expect(shown(parse(["\r\n\r\nGET http://a:80/x?y HTTP/1.1\r\nhost: a\r\n\r\n"]))).to.deep.equal(["GET /x keep "]);
  });

  it("does not take a head for an earlier one that it resembles", () => {
    const other = withLength.replace("/v1/chat?x=1", "/v1/cha?xx=1");
    expect(shown(parse([withLength, other, withLength]))).to.deep.equal([
      expected[0],
      "POST /v1/cha keep hello world",
      expected[0],
    ]);
  });

  const host = "host: a\r\n";
  const faults: [string, string, number][] = [
    ["no request line", "hello\r\n\r\n", 400],
    ["another major version", `GET / HTTP/2.0\r\n${host}\r\n`, 505],
    ["no host in HTTP/1.1", "GET / HTTP/1.1\r\n\r\n", 400],
    ["a line that is no header", `GET / HTTP/1.1\r\n${host}nonsense\r\n\r\n`, 400],
    ["a space before the colon", `GET / HTTP/1.1\r\n${host}a : b\r\n\r\n`, 400],
    ["a folded header", `GET / HTTP/1.1\r\n${host}a: b\r\n c\r\n\r\n`, 400],
    ["a length that is no number", `POST / HTTP/1.1\r\n${host}content-length: -1\r\n\r\n`, 400],
    ["two lengths", `POST / HTTP/1.1\r\n${host}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
    ["a length beside chunks", `POST / HTTP/1.1\r\n${host}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`, 400],
    ["another coding", `POST / HTTP/1.1\r\n${host}transfer-encoding: gzip\r\n\r\n`, 501],
    ["another expectation", `POST / HTTP/1.1\r\n${host}expect: magic\r\n\r\n`, 417],
    ["a chunk size that is no number", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\nxyz\r\n`, 400],
    ["a chunk longer than its size", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n1\r\nabc`, 400],
    ["an endless head", `GET /${"x".repeat(1100)}`, 431],
    ["a body over the limit", `POST / HTTP/1.1\r\n${host}content-length: 4097\r\n\r\n`, 413],
    ["chunks over the limit", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n1001\r\n`, 413],
    ["endless trailers", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(200)}`, 431],
  ];
  for (const [what, text, status] of faults) {
    it(`answers ${status} to ${what}, and reads nothing after it`, () => {
      expect(statusOf(text + get)).to.deep.equal([status]);
    });
  }

  it("counts equal repeated lengths as one", () => {
    expect(statusOf(`POST / HTTP/1.1\r\n${host}content-length: 1\r\ncontent-length: 1\r\n\r\nx`)).to.deep.equal(["request"]);
  });
});
