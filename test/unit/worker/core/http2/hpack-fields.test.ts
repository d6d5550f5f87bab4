import { expect } from "chai";
import { FieldReader, HpackError } from "../../../../../services/worker/core/http2/hpack-fields.ts";
import { hpackExamples } from "./hpack-examples.ts";

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replace(/\s/g, ""), "hex");
}

/** The fields of a block, as `name: value`. */
function read(reader: FieldReader, bytes: Uint8Array, start = 0, end = bytes.length): string[] {
  const fields: string[] = [];
  reader.begin(bytes, start, end);
  for (let field = reader.next(); field !== undefined; field = reader.next()) fields.push(field.join(": "));
  return fields;
}

describe("the reader of fields of headers", () => {
  for (const { of, tableBytes, blocks } of hpackExamples) {
    it(`reads the example of RFC 7541, ${of}`, () => {
      const reader = new FieldReader();
      // 256 in the five bits of an update of the table's size: 31, then 225 in seven bits each.
      if (tableBytes === 256) expect(read(reader, bytesOf("3fe101"))).to.deep.equal([]);
      for (const { hex, fields } of blocks) expect(read(reader, bytesOf(hex))).to.deep.equal(fields);
    });
  }

  it("reads nothing outside of the block", () => {
    const bytes = bytesOf("ff 88 40 01 61 01 62 ff");
    expect(read(new FieldReader(), bytes, 1, 7)).to.deep.equal([":status: 200", "a: b"]);
    for (const [start, end] of [
      [2, 3],
      [2, 4],
      [2, 6],
    ] as const) {
      expect(() => read(new FieldReader(), bytes, start, end), `${start}, ${end}`).to.throw(HpackError);
    }
  });

  it("keeps no field that is larger than the table, which is empty then", () => {
    const reader = new FieldReader();
    read(reader, bytesOf("3f0f 4001 6101 62"));
    expect(read(reader, bytesOf("be"))).to.deep.equal(["a: b"]);
    expect(read(reader, bytesOf(`4001 6114 ${"63".repeat(20)}`))).to.deep.equal([`a: ${"c".repeat(20)}`]);
    expect(() => read(reader, bytesOf("be"))).to.throw(HpackError, "there is no header 62");
  });

  it("knows the name of a field that its successor puts out of the table", () => {
    const reader = new FieldReader();
    // 46 bytes hold one entry of 34.
    read(reader, bytesOf("3f0f 4001 6101 62"));
    expect(read(reader, bytesOf("7e 01 63 be"))).to.deep.equal(["a: c", "a: c"]);
    expect(() => read(reader, bytesOf("bf"))).to.throw(HpackError);
  });

  const wrong: { readonly of: string; readonly hex: string; readonly says: string }[] = [
    { of: "the index 0", hex: "80", says: "there is no header 0" },
    { of: "an index beyond the table", hex: "be", says: "there is no header 62" },
    { of: "a name beyond the table", hex: "7f 00 01 61", says: "there is no header 63" },
    { of: "an index that ends within its number", hex: "ff", says: "it ends within a number" },
    { of: "an index whose number goes on and on", hex: "ff ff ff ff ff ff 01", says: "too large" },
    { of: "an index that is enormous", hex: "ff ff ff ff ff 7f", says: "there is no header" },
    { of: "a name that is not there", hex: "40", says: "it ends within a header" },
    { of: "a name that is cut", hex: "40 03 61 62", says: "it ends within a header" },
    { of: "a value that is not there", hex: "40 01 61", says: "it ends within a header" },
    { of: "a value that is cut", hex: "40 01 61 05 62", says: "it ends within a header" },
    { of: "a length that is cut", hex: "40 01 61 7f", says: "it ends within a number" },
    { of: "a length that is enormous", hex: "40 01 61 7f ff ff ff ff 7f", says: "it ends within a header" },
    { of: "the end of a string within one", hex: "40 01 61 84 ff ff ff ff", says: "not coded as RFC 7541" },
    { of: "a filling that is not of ones", hex: "40 01 61 81 1e", says: "not coded as RFC 7541" },
    { of: "a filling of a whole byte", hex: "40 01 61 82 1f ff", says: "not coded as RFC 7541" },
    { of: "a code that is cut", hex: "40 01 61 81 fe", says: "not coded as RFC 7541" },
    { of: "a table that is larger than was offered", hex: "3f e2 1f", says: "a table of 4097 bytes was not offered" },
    { of: "a table whose size changes within a block", hex: "88 20", says: "changes within a block" },
  ];
  for (const { of, hex, says } of wrong) {
    it(`takes no block with ${of}`, () => expect(() => read(new FieldReader(), bytesOf(hex))).to.throw(HpackError, says));
  }

  it("takes the table's size more than once ahead of a block, as large as it was offered", () => {
    expect(read(new FieldReader(), bytesOf("20 3f e1 1f 88"))).to.deep.equal([":status: 200"]);
  });
});
