import { expect } from "chai";
import { type FigureRow, PhaseFigures } from "../../../../services/records-manager/core/phase-figures.ts";

const row: FigureRow = {
  isCancelled: false,
  errorCode: null,
  errorPhase: null,
  errorMessage: null,
  status: 200,
  target: 0,
  dueNs: null,
  issuedNs: 0,
  receivedNs: 0,
  sentNs: 1,
  connectNs: null,
  workerId: "w",
  turn: 0,
  lastContentNs: 5,
  endNs: 9,
  requestedTokens: null,
  outputTokens: null,
  usageDiffs: [],
  coalescedChunks: 0,
  finishReason: "stop",
  hasUsageMismatch: false,
  isStreamIgnored: false,
  tokenSource: "usage",
  isCorrect: null,
  isUnchecked: false,
};

describe("the figures of a phase", () => {
  it("know an answer that ended at its length by the words of each API", () => {
    const figures = new PhaseFigures({ hasCeiling: false, fillsSlots: false, hasBursts: false });
    for (const finishReason of ["stop", "length", "max_tokens", "max_output_tokens", "end_turn", "completed", null]) {
      figures.add({ ...row, finishReason });
    }
    expect(figures).to.include({ succeeded: 7, lengthLimited: 3 });
  });
});
