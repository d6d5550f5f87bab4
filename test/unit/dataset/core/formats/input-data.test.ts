import { expect } from "chai";
import { inputDataFormat as format } from "../../../../../services/dataset/core/formats/input-data.ts";
import { inputsJsonFormat } from "../../../../../services/dataset/core/formats/inputs-json.ts";
import { problemOf, readOne } from "../loading.ts";

function turnsOf(document: Record<string, unknown>) {
  const read = readOne(format, document);
  if ("problem" in read) expect.fail(read.problem.message);
  return [read.row, ...(read.others ?? [])].map((row) => row?.turns ?? []);
}

describe("a document of input_data", () => {
  it("is a request for each object, its tensors by name, of any depth", () => {
    const steps = turnsOf({
      data: [
        {
          A: [
            [1, 2],
            [3.5, -4],
          ],
          B: { content: [true, false], shape: [2] },
        },
        { A: "x", B: ["y"] },
      ],
    });
    expect(steps.map((turns) => turns.map(({ tensors }) => tensors))).to.deep.equal([
      [
        [
          { name: "A", shape: [], contents: [1, 2, 3.5, -4] },
          { name: "B", shape: [2], contents: [1, 0] },
        ],
      ],
      [
        [
          { name: "A", shape: [], contents: ["x"] },
          { name: "B", shape: [], contents: ["y"] },
        ],
      ],
    ]);
    expect(steps.flat().every(({ isSelfContained }) => isSelfContained)).to.equal(true);
  });

  it("is a session for each list, its steps the turns", () => {
    expect(turnsOf({ data: [[{ A: [1] }, { A: [2] }], [{ A: [3] }]] }).map((turns) => turns.length)).to.deep.equal([2, 1]);
  });

  it("has bytes in base64", () => {
    const [[turn] = []] = turnsOf({ data: [{ A: { b64: "AQID" }, B: { b64: ["AA=="], shape: [1] } }] });
    expect(turn?.tensors).to.deep.equal([
      { name: "A", shape: [], contents: Uint8Array.of(1, 2, 3) },
      { name: "B", shape: [1], contents: Uint8Array.of(0) },
    ]);
  });

  it("has what is expected beside each step", () => {
    const document = { data: [[{ A: [1] }, { A: [2] }]], validation_data: [[{ C: [3] }, { C: { content: [4], shape: [1] } }]] };
    expect(turnsOf(document)[0]?.map(({ expectedTensors }) => expectedTensors)).to.deep.equal([
      [{ name: "C", shape: [], contents: [3] }],
      [{ name: "C", shape: [1], contents: [4] }],
    ]);
  });

  it("is known by its tensors, and not taken for a document of bodies", () => {
    const source = { file: "a.json", isInFolder: false, container: "json", index: 0 } as const;
    const isOwn = (data: unknown): boolean => format.recognizes({ data }, source);
    expect([[{ A: [1] }], [[{ A: { b64: "AA==" } }]], [{ A: { content: ["x"] } }]].map(isOwn)).to.deep.equal([true, true, true]);
    const others = [[{ session_id: "a", payloads: [{ x: 1 }] }], [{ payload: [{ x: 1 }] }], [], [{}], "a"];
    expect(others.map(isOwn)).to.deep.equal(others.map(() => false));
    expect(inputsJsonFormat.recognizes({ data: [{ A: [1] }] }, source)).to.equal(false);
  });

  const refused: readonly (readonly [document: Record<string, unknown>, problem: string])[] = [
    [{ data: 1 }, "data/data: expected a list, got 1"],
    [{ data: [] }, "data/data: expected at least one step, got []"],
    [{ data: [[]] }, "data/data[0]: expected at least one step, got []"],
    [{ data: [[{ A: [1] }], { A: [1] }] }, "data/data: expected objects alone, or lists of objects alone"],
    [{ data: [1] }, "data/data[0]: expected an object of tensors, got 1"],
    [{ data: [{ A: [1, "x"] }] }, 'data/data[0].A: expected numbers, truth values or texts, got [1,"x"]'],
    [{ data: [{ A: { shape: [1] } }] }, 'data/data[0].A: expected content or b64, got {"shape":[1]}'],
    [{ data: [{ A: { content: [1], shape: [-1] } }] }, "data/data[0].A: expected a shape of whole numbers from 0, got [-1]"],
    [{ data: [{ A: { b64: "?" } }] }, 'data/data[0].A: expected base64, got "?"'],
    [
      { data: [{ A: [1] }, { A: [2] }], validation_data: [{ C: [1] }] },
      "validation_data/validation_data: expected an output for each of the 1 steps of data[1]",
    ],
  ];
  for (const [document, problem] of refused) {
    it(`is refused by its place: ${JSON.stringify(document)}`, () => {
      expect(problemOf(format, document)).to.equal(problem);
    });
  }
});
