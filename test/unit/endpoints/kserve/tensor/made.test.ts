import { expect } from "chai";
import fc from "fast-check";
import { type Datatype, datatypes } from "../../../../../endpoints/kserve/tensor/datatypes.ts";
import { countElements, decodeElements, textsOf } from "../../../../../endpoints/kserve/tensor/elements.ts";
import { type MadeData, makeContents } from "../../../../../endpoints/kserve/tensor/made.ts";
import { randomStream } from "../../../../../services/common/random.ts";

const random: MadeData = { kind: "random", stringLength: 12, stringData: "" };
const stream = (seed = 1) => randomStream(seed, "test");

/** Whether an element may have been made. */
function isMade(datatype: Datatype, element: unknown): boolean {
  if (datatype === "BYTES") return /^[0-9A-Za-z]{12}$/.test(String(element));
  if (datatype === "BOOL") return typeof element === "boolean";
  const value = Number(element);
  if (/^U?INT/.test(datatype)) return Number.isInteger(value) && value >= 0 && value < 128;
  return value >= 0 && value <= 1;
}

function elementsOf(datatype: Datatype, raw: Uint8Array): readonly unknown[] {
  return datatype === "BYTES" ? textsOf(raw) : decodeElements(datatype, raw);
}

describe("made contents of tensors", () => {
  for (const datatype of datatypes) {
    it(`of ${datatype} have as many elements as are asked for, each of its kind, and more than one value`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1000 }), (count, seed) => {
          const raw = makeContents(datatype, count, random, stream(seed));
          expect(countElements(datatype, raw)).to.equal(count);
          expect(elementsOf(datatype, raw).every((element) => isMade(datatype, element))).to.equal(true);
        }),
      );
      const many = elementsOf(datatype, makeContents(datatype, 64, random, stream()));
      expect(new Set(many.map(String)).size).to.be.above(1);
    });

    it(`of ${datatype} are the same for the same stream, and zeros where they are asked for or nothing is drawn`, () => {
      const make = (data: MadeData, draws = true) => makeContents(datatype, 5, data, draws ? stream() : undefined);
      expect(make(random)).to.deep.equal(make(random));
      const zeros = new Uint8Array(make({ ...random, kind: "zero" }).length);
      expect(make({ ...random, kind: "zero" })).to.deep.equal(zeros);
      expect(make(random, false)).to.deep.equal(zeros);
    });
  }

  it("of BYTES are the text that is given", () => {
    expect(textsOf(makeContents("BYTES", 2, { ...random, stringData: "zwölf" }, stream()))).to.deep.equal(["zwölf", "zwölf"]);
  });
});
