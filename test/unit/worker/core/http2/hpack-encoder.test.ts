import { expect } from "chai";
import fc from "fast-check";
import { HeaderEncoder, type HeaderPairs } from "../../../../../services/worker/core/http2/hpack-encoder.ts";
import { FieldReader } from "../../../../../services/worker/core/http2/hpack-fields.ts";

/** What a target reads, which knows nothing but the bytes. */
function read(reader: FieldReader, bytes: Uint8Array): string[] {
  const pairs: string[] = [];
  reader.begin(bytes, 0, bytes.length);
  for (let field = reader.next(); field !== undefined; field = reader.next()) pairs.push(...field);
  return pairs;
}

const name = fc.constantFrom(":path", ":authority", "content-type", "authorization", "x-id", "x-other", "a", "b".repeat(200));
const latin1 = fc.array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes));
const value = fc.oneof(fc.constantFrom("", "application/json", "v", "w".repeat(2000), "l".repeat(127)), latin1);
const pairs = fc.array(fc.tuple(name, value), { maxLength: 5 }).map((fields) => fields.flat());
const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ limit: fc.constantFrom(0, 40, 100, 500, 4095, 4096, 65_536, 2 ** 32 - 1) }) },
  { weight: 4, arbitrary: fc.record({ shared: fc.integer({ min: 0, max: 19 }), own: pairs }) },
);

describe("the encoder of headers", () => {
  it("is read as what was written, whatever the target lets its table hold", () => {
    fc.assert(
      fc.property(fc.array(pairs, { minLength: 20, maxLength: 20 }), fc.array(step, { maxLength: 60 }), (shareds, steps) => {
        const encoder = new HeaderEncoder();
        const reader = new FieldReader();
        for (const one of steps) {
          if ("limit" in one) encoder.limit(one.limit);
          else {
            const shared: HeaderPairs = shareds[one.shared] ?? [];
            expect(read(reader, encoder.encode(shared, one.own))).to.deep.equal([...shared, ...one.own]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("says what requests share in a byte for each header, once the target knows it", () => {
    const encoder = new HeaderEncoder();
    const shared = [":method", "POST", "content-type", "application/json", "authorization", "Bearer key"];
    encoder.encode(shared, []);
    for (let n = 0; n < 3; n++) expect(Buffer.from(encoder.encode(shared, [])).toString("hex")).to.equal("83bfbe");
  });

  it("says an own header by its name alone in the table, so that values do not fill it", () => {
    const encoder = new HeaderEncoder();
    for (let n = 0; n < 1000; n++) encoder.encode([], ["x-id", `request ${n}`]);
    const shared = ["a", "b"];
    encoder.encode(shared, []);
    expect(encoder.encode(shared, [])).to.have.lengthOf(1);
  });

  it("keeps nothing in a table that the target has none for, and says so first", () => {
    const encoder = new HeaderEncoder();
    const shared = ["x-a", "b"];
    encoder.encode(shared, []);
    encoder.limit(0);
    expect(Buffer.from(encoder.encode(shared, [])).toString("hex")).to.equal("20 00 03 782d61 01 62".replaceAll(" ", ""));
    expect(Buffer.from(encoder.encode(shared, [])).toString("hex")).to.equal("00 03 782d61 01 62".replaceAll(" ", ""));
  });

  it("says the smallest size that a table had meanwhile, and then the one that it has", () => {
    const encoder = new HeaderEncoder();
    encoder.encode(["x-a", "b"], []);
    encoder.limit(10);
    encoder.limit(0);
    encoder.limit(30);
    expect(Buffer.from(encoder.encode([":method", "GET"], [])).toString("hex")).to.equal("20 3e 82".replaceAll(" ", ""));
  });
});
