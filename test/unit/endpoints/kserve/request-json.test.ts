import { expect } from "chai";
import fc from "fast-check";
import { inferMessage } from "../../../../endpoints/kserve/call.ts";
import { requestJson } from "../../../../endpoints/kserve/request-json.ts";
import type { Datatype } from "../../../../endpoints/kserve/tensor/datatypes.ts";
import type { ElementInput } from "../../../../endpoints/kserve/tensor/elements.ts";
import { tensorOf } from "../../../../endpoints/kserve/tensor/tensor.ts";

function shown(datatype: Datatype, elements: readonly ElementInput[], count = elements.length): unknown {
  const inputs = [tensorOf("IN", datatype, [1, count], elements)];
  return requestJson(inferMessage({ model: "m", inputs, isStreaming: false }));
}

describe("a request of tensors as people read it", () => {
  it("is the JSON of KServe v2, with model and version", () => {
    const inputs = [tensorOf("A", "FP32", [2], [0.5, 1]), tensorOf("B", "BYTES", [1, 1], ["zwölf"])];
    const parameters = { priority: 1, sequence_id: 2n ** 63n, name: "x", isFast: true };
    const body = inferMessage({ model: "m", modelVersion: "3", inputs, outputs: ["OUT"], isStreaming: true, parameters });
    expect(requestJson(body)).to.deep.equal({
      model_name: "m",
      model_version: "3",
      parameters: {
        priority: 1,
        sequence_id: "9223372036854775808",
        name: "x",
        isFast: true,
        triton_enable_empty_final_response: true,
      },
      inputs: [
        { name: "A", shape: [2], datatype: "FP32", data: [0.5, 1] },
        { name: "B", shape: [1, 1], datatype: "BYTES", data: ["zwölf"] },
      ],
      outputs: [{ name: "OUT" }],
    });
  });

  for (const [datatype, elements, data] of [
    ["BOOL", [true, false], [true, false]],
    ["INT64", [1n, 2n ** 60n], [1, "1152921504606846976"]],
    ["FP64", [Number.NaN, Number.NEGATIVE_INFINITY, 0.1], ["NaN", "-Infinity", 0.1]],
    ["BYTES", [""], [""]],
    ["FP16", [0.5], [0.5]],
  ] as const) {
    it(`has elements of ${datatype} as JSON has them`, () => {
      const { length } = elements;
      expect(shown(datatype, elements)).to.deep.equal({
        model_name: "m",
        inputs: [{ name: "IN", shape: [1, length], datatype, data }],
      });
    });
  }

  it("is bounded: the first elements of a long tensor, the beginning of a long text", () => {
    const many = Array.from({ length: 12_288 }, (_, index) => index % 128);
    const { inputs } = shown("UINT8", many) as { inputs: object[] };
    expect(inputs[0]).to.deep.include({ shape: [1, 12_288], data: many.slice(0, 256), cut_elements: 12_032 });
    const texts = shown("BYTES", ["x".repeat(5000), ...Array.from({ length: 300 }, () => "a")]) as {
      inputs: { data: string[] }[];
    };
    expect(texts.inputs[0]?.data).to.have.lengthOf(256);
    expect(texts.inputs[0]?.data[0]).to.equal(`${"x".repeat(2048)}… (5000 bytes)`);
    expect(texts.inputs[0]).to.include({ cut_elements: 45 });
  });

  it("is none of other bytes, which never throw", () => {
    expect(requestJson(new TextEncoder().encode('{"inputs":[]}'))).to.equal(undefined);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void requestJson(bytes)));
  });
});
