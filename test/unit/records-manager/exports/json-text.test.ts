import { expect } from "chai";
import fc from "fast-check";
import { Float, floatText, type Json, jsonText } from "../../../../services/records-manager/exports/json-text.ts";

describe("JSON as AIPerf's files have it", () => {
  it("writes what JSON.stringify writes, with and without indent", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        // -0 has no JSON of its own; a number is what it was either way.
        expect(JSON.parse(jsonText(value as Json, indent))).to.deep.equal(JSON.parse(JSON.stringify(value)));
        expect(jsonText(value as Json, indent)).to.equal(JSON.stringify(value, undefined, indent));
      }),
    );
  });

  it("leaves out what is undefined, and makes null of what is not finite", () => {
    const value = { a: undefined, b: Number.NaN, c: new Float(Number.POSITIVE_INFINITY), d: [] };
    expect(jsonText(value)).to.equal('{"b":null,"c":null,"d":[]}');
  });

  it("keeps the order of a map's keys, whatever they look like", () => {
    const buckets = new Map<string, Json | undefined>([
      ["0.5", 1],
      ["1", 2],
      ["0.25", undefined],
      ["+Inf", new Float(3)],
    ]);
    expect(jsonText({ buckets })).to.equal('{"buckets":{"0.5":1,"1":2,"+Inf":3.0}}');
  });

  it("writes integers of any size whole", () => {
    expect(jsonText({ ns: 1_795_544_208_540_197_585n })).to.equal('{"ns":1795544208540197585}');
  });

  it("indents as deep as the value lies", () => {
    expect(jsonText({ a: [1] }, 2, 1)).to.equal('{\n    "a": [\n      1\n    ]\n  }');
  });

  for (const [value, text] of [
    [0, "0.0"],
    [16, "16.0"],
    [-3, "-3.0"],
    [0.1 + 0.2, "0.30000000000000004"],
    [0.00001, "0.00001"],
    [0.0000099, "9.9e-6"],
    [1e-7, "1e-7"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.2345678901234568e17, "1.2345678901234568e+17"],
    [1e22, "1e+22"],
  ] as const) {
    it(`writes the float ${value} as ${text}`, () => {
      expect(floatText(value)).to.equal(text);
      expect(jsonText(new Float(value))).to.equal(text);
    });
  }

  it("writes a float that reads back as the same number", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(JSON.parse(floatText(value)) + 0).to.equal(value + 0);
      }),
    );
  });
});
