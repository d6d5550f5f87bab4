import { expect } from "chai";
import fc from "fast-check";
import { type DecodedHeaders, HeaderDecoder } from "../../../../../services/worker/core/http2/hpack-decoder.ts";
import { HpackError } from "../../../../../services/worker/core/http2/hpack-fields.ts";

function text(value: string): string {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value, "latin1")]).toString("hex");
}

/** Fields that are not kept. */
function literals(...pairs: string[]): string {
  return pairs.map((part, index) => (index % 2 === 0 ? `00${text(part)}` : text(part))).join("");
}

/** What is read from a socket lies in the same place each time. */
const place = Buffer.alloc(4096);

function decode(decoder: HeaderDecoder, hex: string): DecodedHeaders {
  return decoder.decode(place, 7, 7 + place.write(hex, 7, "hex"));
}

const numbers = (max: number) => fc.integer({ min: 0, max });

/** Fields that are known, kept and not; indices may be beyond the table. */
const field = fc.oneof(
  numbers(70).map((index) => (0x80 | (index + 1)).toString(16)),
  fc.constant("88"),
  numbers(4).map((n) => `40${text(`x-${n}`)}${text("v".repeat(n))}`),
  fc.tuple(numbers(3), numbers(40)).map(([n, length]) => `40${text(`y-${n}`)}${text("w".repeat(length))}`),
  numbers(3).map((n) => `00${text(`z-${n}`)}${text("u")}`),
);
const resize = numbers(30).map((size) => (0x20 | size).toString(16));
const block = fc.array(field, { minLength: 1, maxLength: 4 }).map((fields) => fields.join(""));

describe("the decoder of headers", () => {
  it("gives the status, and headers by name", () => {
    const { status, headers } = decode(new HeaderDecoder(), `8b${literals("a", "1", "b", "2", "a", "3")}`);
    expect(status).to.equal(304);
    expect(headers).to.deep.equal({ a: "1, 3", b: "2" });
  });

  it("gives cookies apart, and what a server says of cookies as one", () => {
    const { status, headers } = decode(
      new HeaderDecoder(),
      literals("set-cookie", "a", "set-cookie", "b", "cookie", "c", "cookie", "d"),
    );
    expect(status).to.equal(0);
    expect(headers).to.deep.equal({ "set-cookie": ["a", "b"], cookie: "c; d" });
  });

  it("takes names that objects have of themselves as headers", () => {
    const { headers } = decode(new HeaderDecoder(), literals("constructor", "a", "valueof", "b"));
    expect(headers).to.deep.equal({ constructor: "a", valueof: "b" });
  });

  const wrong: readonly (readonly [what: string, hex: string, says: RegExp])[] = [
    ["what a request alone has", "82", /an answer has no ":method"/],
    ["an unknown name with a colon", literals(":what", "x"), /an answer has no ":what"/],
    ["a status twice", "8888", /its status is none/],
    ["a status that is no number", literals(":status", "2x0"), /its status is none/],
    ["a status of four digits", literals(":status", "2000"), /its status is none/],
    ["a name in upper case", literals("A", "x"), /"A" is no header/],
    ["a name with a space", literals("a b", "x"), /"a b" is no header/],
    ["an empty name", literals("", "x"), /"" is no header/],
    ["the name of no header that objects take for their own", literals("__proto__", "x"), /is no header/],
    ["a value of two lines", literals("a", "x\r\nb: y"), /the value of a has more than one line/],
    ["a value with a zero", literals("a", "x\0"), /the value of a has more than one line/],
  ];
  for (const [what, hex, says] of wrong) {
    it(`takes no block with ${what}`, () => expect(() => decode(new HeaderDecoder(), hex)).to.throw(HpackError, says));
  }

  it("knows a block that comes again, and says the same object", () => {
    const decoder = new HeaderDecoder();
    const hex = `88${literals("a", "1")}`;
    expect(decode(decoder, hex)).to.equal(decode(decoder, hex));
  });

  it("knows a block by what it was, not by where it lay", () => {
    const decoder = new HeaderDecoder();
    expect(decode(decoder, `88${literals("a", "1")}`)).to.deep.equal({ status: 200, headers: { a: "1" } });
    expect(decode(decoder, `8e${literals("a", "2")}`)).to.deep.equal({ status: 500, headers: { a: "2" } });
  });

  it("never says of a known block what it meant before the table changed", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            block,
            fc.tuple(resize, block).map(([size, rest]) => size + rest),
          ),
          { maxLength: 30 },
        ),
        (blocks) => {
          const decoder = new HeaderDecoder();
          const history: string[] = [];
          for (const hex of blocks.flatMap((one) => [one, one, "88be", one])) {
            const seen = outcome(() => decode(decoder, hex));
            const fresh = new HeaderDecoder();
            for (const earlier of history) decode(fresh, earlier);
            expect(seen).to.deep.equal(outcome(() => decode(fresh, hex)));
            if (seen === undefined) return;
            history.push(unknowable(hex));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** What cannot be read ends a connection. */
function outcome(decoded: () => DecodedHeaders): DecodedHeaders | undefined {
  try {
    return decoded();
  } catch (error) {
    if (error instanceof HpackError) return undefined;
    throw error;
  }
}

/** The same block, with so much behind it that a decoder does not know it again. */
function unknowable(hex: string): string {
  return hex + literals("filling", "f".repeat(120)).repeat(5);
}
