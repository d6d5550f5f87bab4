import { expect } from "chai";
import { jsonOfParquet } from "../../../../../services/dataset/core/containers/parquet-value.ts";

describe("a value of Parquet", () => {
  const rows: readonly (readonly [value: unknown, json: unknown])[] = [
    ["x", "x"],
    [true, true],
    [5n, 5],
    [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
    [2n ** 63n - 1n, "9223372036854775807"],
    [1.5, 1.5],
    [Number.NaN, undefined],
    [null, undefined],
    [undefined, undefined],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Date(Number.NaN), undefined],
    [new Uint8Array([1, 2, 255]), "AQL/"],
    [new TextEncoder().encode("grün"), "grün"],
    [
      { bytes: new Uint8Array([65, 66, 67]), path: "a" },
      { bytes: "QUJD", path: "a" },
    ],
    [
      [1n, null, [2n]],
      [1, null, [2]],
    ],
    [new BigInt64Array([1n, 2n]), [1, 2]],
    [
      { a: 1n, b: null, c: { d: new Date(0) } },
      { a: 1, c: { d: "1970-01-01T00:00:00.000Z" } },
    ],
  ];
  for (const [index, [value, json]] of rows.entries()) {
    it(`is JSON: ${index}, ${json === undefined ? "nothing" : JSON.stringify(json)}`, () => {
      expect(jsonOfParquet(value)).to.deep.equal(json);
    });
  }
});
