import { expect } from "chai";
import fc from "fast-check";
import type { ResponseHead } from "../../../services/worker/core/http1-head.ts";
import { ResponseParser } from "../../../services/worker/core/http1-response.ts";

/** What came of an answer that was fed in pieces and then, perhaps, cut off. */
interface Outcome {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Record<string, string | string[]>;
  readonly isKept: boolean;
  readonly keptSec: number | undefined;
  readonly body: string;
  readonly end: "complete" | "open" | "until close" | "wrong";
  readonly wrong: string | undefined;
  /** Bytes behind the answer. */
  readonly left: number;
}

function play(pieces: readonly Uint8Array[]): Outcome {
  let status = 0;
  let contentType = "";
  let headers: Record<string, string | string[]> = {};
  let isKept = false;
  let keptSec: number | undefined;
  let left = 0;
  const body: Buffer[] = [];
  const parser = new ResponseParser<Uint8Array>({
    onResponseHead(head: ResponseHead) {
      expect(status).to.equal(0);
      ({ status, contentType, isKept, keptSec } = head);
      headers = { ...head.headers() };
    },
    onResponseBody(bytes, start, end) {
      expect(start).to.be.below(end);
      body.push(Buffer.from(bytes.subarray(start, end)));
    },
  });
  parser.begin();
  // One buffer for all reads, as in life: nothing may be kept of it.
  const buffer = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)));
  for (const piece of pieces) {
    buffer.set(piece);
    const taken = parser.feed(buffer, piece.length);
    buffer.fill(0xee);
    if (parser.isComplete || parser.wrong !== undefined) left += piece.length - taken;
  }
  const end = parser.isComplete
    ? "complete"
    : parser.wrong !== undefined
      ? "wrong"
      : parser.endsWithConnection
        ? "until close"
        : "open";
  const { wrong } = parser;
  return { status, contentType, headers, isKept, keptSec, body: Buffer.concat(body).toString("latin1"), end, wrong, left };
}

function playText(text: string): Outcome {
  return play([Buffer.from(text, "latin1")]);
}

const head = "HTTP/1.1 200 OK\r\n";

describe("an HTTP/1.1 answer", () => {
  const fixtures: { title: string; text: string; is: Partial<Outcome> }[] = [
    {
      title: "with a length",
      text: `${head}Content-Type: application/json; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello`,
      is: { contentType: "application/json; charset=utf-8", body: "hello", isKept: true, end: "complete" },
    },
    {
      title: "in chunks, with extensions and trailers",
      text: `${head}transfer-encoding: chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n0000A \r\n0123456789\r\n0;last\r\nx-sum: 1\r\nx-more: 2\r\n\r\n`,
      is: { body: "abc0123456789", isKept: true, end: "complete" },
    },
    {
      title: "in chunks, without trailers, in other letters",
      text: `${head}TRANSFER-ENCODING: Chunked\r\nCONNECTION: Keep-Alive\r\n\r\nfF\r\n${"x".repeat(255)}\r\n0\r\n\r\n`,
      is: { body: "x".repeat(255), isKept: true, end: "complete" },
    },
    {
      title: "that is compressed in chunks",
      text: `${head}transfer-encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n`,
      is: { body: "z", end: "complete" },
    },
    {
      title: "that ends with its connection",
      text: `${head}content-type: text/event-stream\r\n\r\ndata: 1\n\n`,
      is: { contentType: "text/event-stream", body: "data: 1\n\n", isKept: false, end: "until close" },
    },
    {
      title: "with a coding that has no end of its own",
      text: `${head}transfer-encoding: gzip\r\n\r\nzzz`,
      is: { body: "zzz", isKept: false, end: "until close" },
    },
    { title: "without a body", text: `${head}content-length: 0\r\n\r\n`, is: { body: "", isKept: true, end: "complete" } },
    {
      title: "with status 204",
      text: "HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n",
      is: { status: 204, body: "", isKept: true, end: "complete" },
    },
    { title: "with status 304", text: "HTTP/1.1 304\r\n\r\n", is: { status: 304, body: "", isKept: true, end: "complete" } },
    {
      title: "after others that only inform",
      text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n${head}content-length: 1\r\n\r\nx`,
      is: { status: 200, headers: { "content-length": "1" }, body: "x", end: "complete" },
    },
    {
      title: "that says its connection is to be closed",
      text: `${head}connection: foo, Close\r\ncontent-length: 1\r\n\r\nx`,
      is: { isKept: false, end: "complete" },
    },
    {
      title: "of HTTP/1.0",
      text: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
      is: { isKept: false, end: "complete" },
    },
    {
      title: "of HTTP/1.0 whose connection is kept, and how long",
      text: "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5, max=100\r\ncontent-length: 1\r\n\r\nx",
      is: { isKept: true, keptSec: 5, end: "complete" },
    },
    {
      title: "with headers of all kinds",
      text: `${head}A:\r\nset-cookie: a=1\r\nSet-Cookie: \t b=2\t \r\nset-cookie:c\r\n__proto__: x\r\nx-l: \xe9\r\ncontent-length: 0\r\n\r\n`,
      is: { end: "complete", contentType: "" },
    },
    { title: "with an empty reason", text: "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n", is: { status: 599, end: "complete" } },
    {
      title: "with the longest head",
      text: `${head}x: ${"y".repeat(60_000)}\r\ncontent-length: 2\r\n\r\nok`,
      is: { body: "ok", end: "complete" },
    },
  ];
  for (const { title, text, is } of fixtures) {
    it(`is read ${title}, wherever it is cut into two pieces or into single bytes`, () => {
      const bytes = Buffer.from(text, "latin1");
      const whole = play([bytes]);
      expect(whole).to.deep.include({ wrong: undefined, left: 0, ...is });
      const step = bytes.length > 1000 ? 4001 : 1;
      for (let at = 1; at < bytes.length; at += step) {
        expect(play([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).to.deep.equal(whole);
      }
      expect(play([...bytes].map((byte) => Uint8Array.of(byte)))).to.deep.equal(whole);
    });
  }

  it("has every header by its name in lower case, values that came several times as a list", () => {
    const text = fixtures.find(({ title }) => title === "with headers of all kinds")?.text ?? "";
    const { headers } = playText(text);
    expect(Object.entries(headers)).to.deep.equal([
      ["a", ""],
      ["set-cookie", ["a=1", "b=2", "c"]],
      ["__proto__", "x"],
      ["x-l", "\xe9"],
      ["content-length", "0"],
    ]);
  });

  it("ends where it says: what is behind it is not taken", () => {
    for (const text of [`${head}content-length: 2\r\n\r\nokHTTP`, `${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP`]) {
      expect(playText(text)).to.include({ end: "complete", left: 4 });
    }
  });

  it("is not told any further once its sink has stopped it", () => {
    const told: string[] = [];
    const parser: ResponseParser<Uint8Array> = new ResponseParser({
      onResponseHead: () => told.push("head"),
      onResponseBody: () => {
        told.push("body");
        parser.stop();
      },
    });
    parser.begin();
    parser.feed(Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n`), 66);
    expect(told).to.deep.equal(["head", "body"]);
    expect(parser.isComplete).to.equal(false);
  });

  it("is followed by the next one of its connection, whatever the former was like", () => {
    const bodies: string[] = [];
    const parser: ResponseParser<Buffer> = new ResponseParser({
      onResponseHead: (seen) => bodies.push(`${seen.status} ${seen.contentType} ${seen.keptSec}`),
      onResponseBody: (bytes, start, end) => bodies.push(bytes.toString("latin1", start, end)),
    });
    const buffer = Buffer.alloc(1000);
    for (const text of [
      `${head}keep-alive: timeout=9\r\ncontent-type: a/b\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nt: 1\r\n\r\n`,
      `${head}keep-alive: timeout=9\r\ncontent-type: a/b\r\ncontent-length: 1\r\n\r\nb`,
      `${head}keep-alive: timeout=8\r\ncontent-type: c/d\r\ncontent-length: 1\r\n\r\nc`,
      "HTTP/1.1 204 N\r\n\r\n",
    ]) {
      parser.begin();
      expect(parser.feed(buffer, buffer.write(text))).to.equal(text.length);
      expect(parser.isComplete).to.equal(true);
    }
    expect(bodies).to.deep.equal(["200 a/b 9", "a", "200 a/b 9", "b", "200 c/d 8", "c", "204  undefined"]);
  });

  const wrong: { title: string; text: string; says: RegExp }[] = [
    { title: "of another protocol, before its first line is over", text: "SSH-", says: /does not begin with HTTP/ },
    { title: "of HTTP/2", text: "HTTP/2.0 200 OK\r\n\r\n", says: /does not begin/ },
    { title: "of HTTP/1.2", text: "HTTP/1.2 200 OK\r\n\r\n", says: /does not begin/ },
    { title: "whose status is too short", text: "HTTP/1.1 20\r\n\r\n", says: /status/ },
    { title: "whose status is too long", text: "HTTP/1.1 2000 OK\r\n\r\n", says: /status/ },
    { title: "whose status is no number", text: "HTTP/1.1 abc OK\r\n\r\n", says: /status/ },
    { title: "whose status is below 100", text: "HTTP/1.1 099 OK\r\n\r\n", says: /status/ },
    { title: "with lines that end without CR", text: "HTTP/1.1 200 OK\ncontent-length: 0\n\n", says: /CR LF/ },
    { title: "with a CR within a line", text: `${head}a: b\rc\r\n\r\n`, says: /CR LF/ },
    { title: "with a zero byte in a header", text: `${head}a: b\0c\r\n\r\n`, says: /control character/ },
    { title: "with a header without a name", text: `${head}: b\r\n\r\n`, says: /no name/ },
    { title: "with a header without a colon", text: `${head}abc\r\n\r\n`, says: /no name/ },
    { title: "with a space before a colon", text: `${head}content-length : 5\r\n\r\n`, says: /no name/ },
    { title: "with a header folded over lines", text: `${head}a: b\r\n c\r\n\r\n`, says: /no name/ },
    { title: "with two lengths", text: `${head}content-length: 5\r\ncontent-length: 5\r\n\r\n`, says: /two lengths/ },
    { title: "with a length that is a list", text: `${head}content-length: 5, 5\r\n\r\n`, says: /no number/ },
    { title: "with a negative length", text: `${head}content-length: -1\r\n\r\n`, says: /no number/ },
    { title: "with no length", text: `${head}content-length:\r\n\r\n`, says: /no number/ },
    { title: "with a length beyond reason", text: `${head}content-length: 1234567890123456\r\n\r\n`, says: /too large/ },
    {
      title: "with a length and chunks",
      text: `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
      says: /length and is chunked/,
    },
    {
      title: "chunked twice",
      text: `${head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`,
      says: /coded once more/,
    },
    { title: "coded after it was chunked", text: `${head}transfer-encoding: chunked, gzip\r\n\r\n`, says: /coded once more/ },
    { title: "that switches protocols", text: "HTTP/1.1 101 Switching\r\nupgrade: foo\r\n\r\n", says: /101/ },
    { title: "that only informs, without end", text: "HTTP/1.1 102 P\r\n\r\n".repeat(40), says: /informational/ },
    { title: "whose head has no end", text: `${head}${"x: y\r\n".repeat(11_000)}`, says: /longer than/ },
    { title: "whose header has no end", text: `${head}x: ${"y".repeat(66_000)}`, says: /longer than/ },
    ...(
      [
        ["without a size", "\r\n", /no hexadecimal/],
        ["whose size is no number", "xyz\r\n", /no hexadecimal/],
        ["whose size is negative", "-1\r\n", /no hexadecimal/],
        ["whose size has a prefix", "0x5\r\n", /no hexadecimal/],
        ["whose size is beyond reason", "fffffffffffffff\r\n", /too large/],
        ["whose size has no end", "0".repeat(70_000), /too large/],
        ["whose extension has no end", `1;${"x".repeat(70_000)}`, /extension/],
        ["whose first line ends without CR", "1\nx\r\n", /no hexadecimal/],
        ["whose extension ends without CR", "1;a\nx\r\n", /without CR/],
        ["longer than its size", "1\r\nxy\r\n", /where its size says/],
        ["that ends without CR", "1\r\nx\n", /where its size says/],
        ["with trailers that have no end", `0\r\n${"x: y\r\n".repeat(11_000)}`, /longer than/],
        ["with trailers without CR", "0\r\na: b\n\n", /CR LF/],
      ] as const
    ).map(([title, text, says]) => ({
      title: `with a chunk ${title}`,
      text: `${head}transfer-encoding: chunked\r\n\r\n${text}`,
      says,
    })),
  ];
  for (const { title, text, says } of wrong) {
    it(`is wrong ${title}, wherever it is cut`, () => {
      const bytes = Buffer.from(text, "latin1");
      expect(play([bytes]))
        .to.include({ end: "wrong" })
        .and.property("wrong")
        .matches(says);
      const step = bytes.length > 1000 ? 8009 : 1;
      for (let at = 1; at < bytes.length; at += step) {
        const cut = play([bytes.subarray(0, at), bytes.subarray(at)]);
        expect(cut, `cut at ${at}`).to.include({ end: "wrong" }).and.property("wrong").matches(says);
      }
    });
  }

  describe("of any bytes", () => {
    const token = fc.constantFrom(
      ...["HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 C\r\n", "content-length: 3\r\n", "transfer-encoding: chunked\r\n", "\r\n", "\n"],
      ...["3\r\n", "abc", "0\r\n", ";x", "x: y\r\n", "connection: close\r\n", ":", " ", "\0", "\xff"],
    );
    const text = fc.oneof(
      fc.array(token, { maxLength: 30 }).map((tokens) => Buffer.from(tokens.join(""), "latin1")),
      fc.array(token, { maxLength: 30 }).map((tokens) => Buffer.from(head + tokens.join(""), "latin1")),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([Buffer.from(head), bytes])),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );

    it("comes to the same whatever the pieces", () => {
      fc.assert(
        fc.property(text, fc.array(fc.nat(400), { maxLength: 8 }), (bytes, cuts) => {
          const at = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
          const pieces = [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
          const whole = play([bytes]);
          const inPieces = play(pieces);
          // Of what is wrong some is told sooner where it comes in pieces, and what is behind it is not counted.
          const essence = ({ left: _left, wrong: _wrong, ...rest }: Outcome) => rest;
          expect(essence(inPieces)).to.deep.equal(essence(whole));
        }),
        { numRuns: 500 },
      );
    });
  });

  describe("that a server made", () => {
    const value = fc.string({ unit: fc.constantFrom(..."abc 123;,=\t\xe9"), maxLength: 20 });
    const name = fc.constantFrom("x-a", "x-b", "server", "date", "content-typo", "connectiom", "keep-alivf");
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 8 });

    it("gives the body back byte for byte", () => {
      fc.assert(
        fc.property(chunks, fc.array(fc.tuple(name, value)), fc.boolean(), (parts, headers, isChunked) => {
          const lines = headers.map(([key, text]) => `${key}: ${text}\r\n`).join("");
          const body = Buffer.concat(parts);
          const framing = isChunked ? "transfer-encoding: chunked" : `content-length: ${body.length}`;
          const framed = isChunked
            ? Buffer.concat([
                ...parts.map((part) =>
                  Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]),
                ),
                Buffer.from("0\r\n\r\n"),
              ])
            : body;
          const bytes = Buffer.concat([Buffer.from(`${head}${lines}${framing}\r\n\r\n`, "latin1"), framed]);
          expect(play([bytes])).to.include({ end: "complete", left: 0, body: body.toString("latin1") });
        }),
        { numRuns: 300 },
      );
    });
  });
});
