import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { Endpoint, TurnInput } from "../../../endpoints/endpoint.ts";
import { ExpectationSchema, TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { messagesOf } from "../../../services/common/turn-body.ts";
import { BodyMaker, type BodyMakerOptions } from "../../../services/worker/bodies.ts";

describe("body maker", () => {
  let formatted: TurnInput[];

  beforeEach(() => {
    formatted = [];
  });

  /** Bodies of 100 bytes. */
  function makerWith(options: Partial<BodyMakerOptions> = {}, produces = "text"): BodyMaker {
    const endpoint = {
      produces,
      formatBody(turn: TurnInput) {
        formatted.push(turn);
        return new Uint8Array(100);
      },
    } as unknown as Endpoint;
    return new BodyMaker({ endpoint, modelOf: () => "m", isStreaming: true, extraInputs: {}, keptBytes: 1000, ...options });
  }

  it("gives what is counted in a chat template with its roles, whatever the dataset knows of its length", () => {
    const made = makerWith({ isTemplated: true }).make(turnOf({ inputTokens: 3 }), [{ role: "system", content: "s" }], undefined);
    expect(made.inputTokens).to.equal(undefined);
    expect(JSON.parse(made.inputText ?? "")).to.deep.equal([
      { role: "system", content: "s" },
      { role: "user", content: "hi" },
    ]);
  });

  it("has what is expected of the answer beside it, as bytes, and nothing of it within", () => {
    const expectation = { check: "exact", values: ["Paris"] };
    const made = makerWith().make(turnOf({ expectation }), [], undefined);
    const bytes = made.expectation ?? new Uint8Array(0);
    expect(fromBinary(ExpectationSchema, bytes)).to.deep.equal(create(ExpectationSchema, expectation));
    expect(JSON.stringify(formatted)).not.to.contain("Paris");
    expect(makerWith().make(turnOf({}), [], undefined)).not.to.have.property("expectation");
  });

  it("serialises a turn once, and keeps it", () => {
    const maker = makerWith();
    const turn = turnOf({ conversation: 1n });
    const first = maker.make(turn, [], undefined);
    expect(maker.make(turn, [], undefined)).to.equal(first);
    expect(formatted).to.have.lengthOf(1);
  });

  it("keeps turns, conversations and output lengths apart", () => {
    const maker = makerWith();
    maker.make(turnOf({ conversation: 1n, turn: 1 }), [], undefined);
    maker.make(turnOf({ conversation: 11n, turn: 1 }), [], undefined);
    maker.make(turnOf({ conversation: 1n, turn: 11 }), [], undefined);
    maker.make(turnOf({ conversation: 1n, turn: 1 }), [], 5);
    expect(formatted).to.have.lengthOf(4);
  });

  it("keeps no more bytes than its bound, oldest out first, and always the newest", () => {
    const maker = makerWith({ keptBytes: 3 * 1150 });
    for (const conversation of [0n, 1n, 2n, 3n]) maker.make(turnOf({ conversation }), [], undefined);
    for (const conversation of [3n, 2n, 1n]) maker.make(turnOf({ conversation }), [], undefined);
    expect(formatted).to.have.lengthOf(4);
    maker.make(turnOf({ conversation: 0n }), [], undefined);
    expect(formatted).to.have.lengthOf(5);
    const tiny = makerWith({ keptBytes: 10 });
    tiny.make(turnOf({}), [], undefined);
    tiny.make(turnOf({}), [], undefined);
    expect(formatted).to.have.lengthOf(6);
  });

  it("does not keep what has a history: that is the session's own", () => {
    const maker = makerWith();
    const turn = turnOf({ turn: 1 });
    for (const content of ["a", "b"]) maker.make(turn, [{ role: "user", content }], undefined);
    expect(formatted.map(({ messages }) => messages[0]?.content)).to.deep.equal(["a", "b"]);
    expect(formatted[0]?.messages).to.have.lengthOf(2);
  });

  it("asks for the turn's model, or the one chosen for its conversation", () => {
    const maker = makerWith({ modelOf: (conversation) => `m${conversation}` });
    const modelOf = (init: MessageInitShape<typeof TurnSchema>) => maker.make(turnOf(init), [], undefined).model;
    expect([0n, 1n, 2n].map((conversation) => modelOf({ conversation }))).to.deep.equal(["m0", "m1", "m2"]);
    expect(modelOf({ conversation: 5n, model: "own" })).to.equal("own");
  });

  it("says that it asked for the model that extra inputs put into the body", () => {
    const maker = makerWith({ extraInputs: { model: "x" } });
    expect(maker.make(turnOf({ model: "own" }), [], undefined).model).to.equal("x");
    const extraInputs = { model: "y" };
    expect(maker.make(turnOf({ conversation: 1n, extraInputs }), [], undefined).model).to.equal("y");
    expect(formatted.map(({ model }) => model)).to.deep.equal(["x", "y"]);
  });

  it("asks for the turn's output length, unless the credit says another, and for none where there is none", () => {
    const maker = makerWith();
    const lengthOf = (own: number, override: number | undefined) =>
      maker.make(turnOf({ maxOutputTokens: own, conversation: BigInt(own) }), [], override).requestedOutputTokens;
    expect([lengthOf(7, undefined), lengthOf(7, 9), lengthOf(0, undefined)]).to.deep.equal([7, 9, undefined]);
    expect(formatted.map(({ maxOutputTokens }) => maxOutputTokens)).to.deep.equal([7, 9, undefined]);
  });

  it("asks what gives no text for no length, and forces none", () => {
    const maker = makerWith({ forcedLength: "vllm" }, "embeddings");
    expect(maker.make(turnOf({ maxOutputTokens: 7 }), [], 9).requestedOutputTokens).to.equal(undefined);
    expect(formatted[0]).to.deep.include({ maxOutputTokens: undefined, extraInputs: {} });
  });

  it("gives the prompt's text only where its tokens are not counted", () => {
    const maker = makerWith();
    expect(maker.make(turnOf({ inputTokens: 3 }), [], undefined)).to.include({ inputTokens: 3, inputText: undefined });
    const counted = maker.make(turnOf({ conversation: 1n }), [{ role: "user", content: "before" }], undefined);
    expect(counted).to.include({ inputTokens: undefined, inputText: "before\nhi" });
  });

  it("counts a session's earlier questions, and gives the text of its answers to be counted", () => {
    const history = [
      { role: "user", content: "why" },
      { role: "assistant", content: "because" },
      { role: "user", content: "oh" },
      { role: "assistant", content: "yes" },
    ] as const;
    const made = makerWith().make(turnOf({ turn: 2, inputTokens: 3 }), history, undefined, 5);
    expect(made).to.include({ inputTokens: 8, inputText: "because\nyes" });
  });

  it("lets a turn's extra inputs win over the run's, and its raw body over everything", () => {
    const maker = makerWith({ extraInputs: { a: 1, b: 2 } });
    maker.make(turnOf({ extraInputs: { b: 3 } }), [], undefined);
    expect(formatted[0]?.extraInputs).to.deep.equal({ a: 1, b: 3 });
    const raw = maker.make(turnOf({ conversation: 1n, rawBody: new TextEncoder().encode("as it is") }), [], undefined);
    expect(raw.body.toString()).to.equal("as it is");
    expect(formatted).to.have.lengthOf(1);
  });

  it("takes a role that it does not know for the user's", () => {
    const messages = [
      { role: "system", content: "s" },
      { role: "robot", content: "r" },
    ];
    expect(messagesOf(turnOf({ messages })).map(({ role }) => role)).to.deep.equal(["system", "user"]);
  });
});

function turnOf(init: MessageInitShape<typeof TurnSchema>) {
  return create(TurnSchema, { messages: [{ role: "user", content: "hi" }], ...init });
}
