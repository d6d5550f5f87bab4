import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { type Turn, TurnSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { FetchTurnsResponseSchema } from "../../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { wireMessageOf } from "../../../../services/common/chat-messages.ts";
import { fileDataset } from "../../../../services/dataset/core/file-dataset.ts";
import { amendmentsOf, fieldsOf } from "../../../../services/dataset/core/packed-turn.ts";
import { TurnResponse } from "../../../../services/dataset/core/turn-response.ts";
import { type Dataset, lookUpTurn } from "../../../../services/dataset/core/turns.ts";
import { loadingOf } from "./loading.ts";

describe("a turn as bytes", () => {
  it("is told by its fields, without being decoded", () => {
    const bytes = toBinary(TurnSchema, create(TurnSchema, { messages: [{ content: "a" }], maxOutputTokens: 3 }));
    const fields = fieldsOf(bytes);
    expect([fields.has("maxOutputTokens"), fields.has("isSelfContained"), fields.has("recipe")]).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it("has the fields that are put behind it", () => {
    const turn = create(TurnSchema, { messages: [{ content: "a" }], maxOutputTokens: 3, delayMs: 4, isSelfContained: true });
    const amended = fromBinary(
      TurnSchema,
      Buffer.concat([toBinary(TurnSchema, turn), amendmentsOf({ maxOutputTokens: 300, delayMs: 0, isSelfContained: false })]),
    );
    expect(amended).to.deep.include({ maxOutputTokens: 300, delayMs: 0, isSelfContained: false });
    expect(amendmentsOf({})).to.have.lengthOf(0);
  });

  it("is the turn that decoding it and making it anew gives, whatever rows and options there are", () => {
    const row = fc.record(
      {
        text: fc.string({ minLength: 1, unit: "grapheme" }),
        session_id: fc.constantFrom("s", "t", undefined),
        model: fc.constantFrom("m", undefined),
        output_length: fc.integer({ min: 1, max: 1 << 20 }),
        delay: fc.integer({ min: 0, max: 1000 }),
        timestamp: fc.integer({ min: 0, max: 1000 }),
        extra: fc.constantFrom({ temperature: 0.5 }, undefined),
      },
      { requiredKeys: ["text"] },
    );
    const options = fc.record({
      seed: fc.nat(),
      outputTokens: fc.constantFrom(undefined, { mean: 100, stddev: 0 }, { mean: 100, stddev: 30 }),
      turnDelayRatio: fc.constantFrom(0, 0.5, 1),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), options, (rows, how) => {
        const loading = loadingOf({ isSkipping: true });
        loading.push(Buffer.from([{ text: "first" }, ...rows].map((each) => JSON.stringify(each)).join("\n")));
        const dataset = fileDataset(loading.end(), how);
        for (let conversation = 0; conversation < dataset.size; conversation++) {
          const turns = dataset.plan(conversation).length;
          for (let turn = 0; turn < turns; turn++) {
            expect(throughBytes(dataset, conversation, turn)).to.deep.equal(throughObjects(dataset, conversation, turn));
          }
          expect(dataset.packed?.(conversation, turns)).to.equal(undefined);
        }
        expect(dataset.packed?.(dataset.size, 0)).to.equal(undefined);
      }),
      { numRuns: 200 },
    );
  });
});

function throughBytes(dataset: Dataset, conversation: number, turn: number): Turn | undefined {
  const response = new TurnResponse(16);
  const packed = dataset.packed?.(conversation, turn);
  if (packed === undefined) throw new Error("no bytes");
  response.addPacked(conversation, turn, packed);
  const [fetched] = fromBinary(FetchTurnsResponseSchema, response.bytes()).turns;
  expect(fetched?.ref).to.deep.include({ conversation: BigInt(conversation), turn });
  return fetched?.turn;
}

function throughObjects(dataset: Dataset, conversation: number, index: number): Turn {
  const found = lookUpTurn(dataset, conversation, index);
  if ("missing" in found) throw new Error(found.missing);
  const { messages, maxOutputTokens = 0, inputTokens = 0, ...turn } = found.turn;
  const numbers = { conversation: BigInt(conversation), turn: index, maxOutputTokens, inputTokens };
  const whole = create(TurnSchema, { ...turn, ...numbers, messages: messages.map(wireMessageOf) });
  return fromBinary(TurnSchema, toBinary(TurnSchema, whole));
}
