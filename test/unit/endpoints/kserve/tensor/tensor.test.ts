import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { foreignContents, rawOfContents } from "../../../../../endpoints/kserve/tensor/contents.ts";
import { encodeElements } from "../../../../../endpoints/kserve/tensor/elements.ts";
import { elementCount, matchesShape } from "../../../../../endpoints/kserve/tensor/shape.ts";
import { describeTensors, readTensors, tensorOf } from "../../../../../endpoints/kserve/tensor/tensor.ts";
import { InferTensorContentsSchema } from "../../../../../gen/inference/tensor_pb.js";

const contents = (given: Parameters<typeof create<typeof InferTensorContentsSchema>>[1]) =>
  create(InferTensorContentsSchema, given);

describe("tensors", () => {
  it("come out of a message as they went in", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), (shape) => {
        const count = elementCount(shape);
        const tensors = [
          tensorOf("words", "BYTES", shape, Array(count).fill("word")),
          tensorOf("numbers", "FP32", shape, Array(count).fill(0.5)),
        ];
        const { described, rawContents } = describeTensors(tensors);
        expect(readTensors(described, rawContents)).to.deep.equal(tensors);
      }),
    );
  });

  it("have typed contents that mean the same as raw ones", () => {
    const typed = [
      { datatype: "BOOL", elements: [true, false], contents: contents({ boolContents: [true, false] }) },
      { datatype: "INT8", elements: [-3, 4], contents: contents({ intContents: [-3, 4] }) },
      { datatype: "INT32", elements: [-3, 4], contents: contents({ intContents: [-3, 4] }) },
      { datatype: "INT64", elements: [-3n, 4n], contents: contents({ int64Contents: [-3n, 4n] }) },
      { datatype: "UINT16", elements: [3, 4], contents: contents({ uintContents: [3, 4] }) },
      { datatype: "UINT64", elements: [3n, 4n], contents: contents({ uint64Contents: [3n, 4n] }) },
      { datatype: "FP32", elements: [0.5, 4], contents: contents({ fp32Contents: [0.5, 4] }) },
      { datatype: "FP64", elements: [0.1, 4], contents: contents({ fp64Contents: [0.1, 4] }) },
      { datatype: "BYTES", elements: ["a", "bc"], contents: contents({ bytesContents: [Buffer.from("a"), Buffer.from("bc")] }) },
    ] as const;
    for (const { datatype, elements, contents } of typed) {
      const [tensor] = readTensors([{ name: "t", datatype, shape: [2n], contents }], []);
      expect(tensor, datatype).to.deep.equal(tensorOf("t", datatype, [2], elements));
    }
  });

  it("are their raw contents where typed ones beside them hold nothing, as those of MLServer", () => {
    const raw = encodeElements("FP32", [1, 2]);
    const described = [{ name: "t", datatype: "FP32", shape: [2n], contents: contents({}) }];
    expect(readTensors(described, [raw])).to.deep.equal([tensorOf("t", "FP32", [2], [1, 2])]);
  });

  it("are refused, by name, where what is said of them does not fit together", () => {
    const raw = encodeElements("FP32", [1, 2]);
    const described = (changes: object) => [{ name: "t", datatype: "FP32", shape: [2n], ...changes }];
    const refused: readonly [string, () => unknown][] = [
      ["tensor t: shape [3] needs 3 elements, got 2", () => readTensors(described({ shape: [3n] }), [raw])],
      ["tensor t: shape [2] needs 2 elements, got 0", () => readTensors(described({}), [])],
      ["tensor t: a shape must be of sizes from 0, got [-1]", () => readTensors(described({ shape: [-1n] }), [raw])],
      ["tensor t: contents of FP32 must be a multiple of 4 bytes, got 7", () => readTensors(described({}), [raw.subarray(1)])],
      ["tensor t: datatype must be one of BOOL,", () => readTensors(described({ datatype: "STRING" }), [raw])],
      [
        "tensor t: contents must be typed or raw, got both",
        () => readTensors(described({ contents: contents({ fp32Contents: [1, 2] }) }), [raw]),
      ],
      [
        "tensor t: typed contents of FP32 are in the field of INT64",
        () => readTensors(described({ contents: contents({ int64Contents: [1n, 2n] }) }), []),
      ],
      ["1 tensors have raw contents for 2", () => readTensors(described({}), [raw, raw])],
      ["tensor t: shape [2,2] needs 4 elements, got 1", () => tensorOf("t", "FP32", [2, 2], [1])],
      ["tensor t: element 1 of INT8 must be an integer from -128 to 127, got 300", () => tensorOf("t", "INT8", [2], [1, 300])],
    ];
    for (const [message, read] of refused) expect(read, message).to.throw(message);
  });

  it("of 16 bits have no typed contents", () => {
    expect(foreignContents("FP16", contents({ fp32Contents: [1] }))).to.equal("FP32");
    expect(rawOfContents("BF16", contents({}))).to.have.length(0);
    expect(() => rawOfContents("INT8", contents({ intContents: [1, 200] }))).to.throw("element 1 of INT8");
  });

  it("have as many elements as their sizes multiplied", () => {
    expect(elementCount([])).to.equal(1);
    expect(elementCount([2, 3, 4])).to.equal(24);
    expect(elementCount([5, 0])).to.equal(0);
    expect(() => elementCount([2 ** 40, 2 ** 40])).to.throw("too many elements");
  });

  it("match a model's shape where it leaves sizes open", () => {
    expect(matchesShape([3, 4], [-1, 4])).to.equal(true);
    expect(matchesShape([3, 5], [-1, 4])).to.equal(false);
    expect(matchesShape([4], [-1, 4])).to.equal(false);
  });
});
