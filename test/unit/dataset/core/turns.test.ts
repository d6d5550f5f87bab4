import { expect } from "chai";
import { lookUpTurn, summarizeDataset, type Turn } from "../../../../services/dataset/core/turns.ts";
import { storedDataset } from "../../../support/stored-dataset.ts";

const turn = (content: string, changes: Partial<Turn> = {}): Turn => ({
  messages: [{ role: "user", content }],
  inputTokens: undefined,
  maxOutputTokens: undefined,
  delayMs: 0,
  ...changes,
});

describe("lookUpTurn", () => {
  const dataset = storedDataset([[turn("a")], [turn("b", { inputTokens: 3 }), turn("c", { delayMs: 40 })]]);

  it("finds a turn by its two indices, with its plan and its messages", () => {
    expect(lookUpTurn(dataset, 1, 1)).to.deep.equal({ turn: turn("c", { delayMs: 40 }) });
    expect(lookUpTurn(dataset, 1, 0)).to.deep.equal({ turn: turn("b", { inputTokens: 3 }) });
  });

  const missing: [number, number, string][] = [
    [2, 0, "dataset has 2 conversations, asked for conversation 2"],
    [-1, 0, "dataset has 2 conversations, asked for conversation -1"],
    [Number.NaN, 0, "dataset has 2 conversations, asked for conversation NaN"],
    [0, 1, "conversation 0 has 1 turns, asked for turn 1"],
    [0, -1, "conversation 0 has 1 turns, asked for turn -1"],
  ];
  for (const [conversation, index, reason] of missing) {
    it(`says why there is no turn ${index} of conversation ${conversation}`, () => {
      expect(lookUpTurn(dataset, conversation, index)).to.deep.equal({ missing: reason });
    });
  }
});

describe("summarizeDataset", () => {
  it("counts turns and takes means over what is known", () => {
    const dataset = storedDataset([
      [turn("a", { inputTokens: 10 })],
      [turn("b", { inputTokens: 20, maxOutputTokens: 5 }), turn("c", { delayMs: 0.2 })],
    ]);
    expect(summarizeDataset(dataset)).to.deep.equal({
      conversations: 2,
      rootConversations: 2,
      turns: 3,
      rootTurns: 3,
      turnsEach: undefined,
      turnCounts: Uint32Array.of(1, 2),
      turnDelays: Uint8Array.of(0, 0, 200, 1),
      weights: undefined,
      schedule: undefined,
      meanInputTokens: 15,
      meanOutputTokens: 5,
    });
  });

  it("says how many turns each conversation has where all have the same, and leaves unknown means out", () => {
    const summary = summarizeDataset(
      storedDataset([
        [turn("a"), turn("b")],
        [turn("c"), turn("d")],
      ]),
    );
    expect(summary).to.include({ turns: 4, turnsEach: 2, meanInputTokens: undefined, meanOutputTokens: undefined });
  });
});
