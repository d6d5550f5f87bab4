import { expect } from "chai";
import { replayDataset, type StoredRequest, storedSessions, summarizeReplay } from "../../../../services/dataset/core/replay.ts";
import { storedDataset } from "../../../support/stored-dataset.ts";

const request = (session: number, turn: number, conversation: number, atMs: number, phase = 0): StoredRequest => ({
  phase,
  session,
  turn,
  conversation,
  atMs,
});

const turn = (content: string) => ({
  messages: [{ role: "user", content } as const],
  inputTokens: 1,
  maxOutputTokens: 8,
  delayMs: 70,
});
const base = storedDataset([
  [turn("a1"), turn("a2"), turn("a3")],
  [turn("b1"), turn("b2")],
]);

describe("sessions of a run", () => {
  it("are in the order of their first requests, with the turns that were sent", () => {
    const { leftOut, ...sessions } = storedSessions([
      request(0, 0, 1, 50),
      request(0, 1, 1, 90.5),
      request(1, 0, 0, 10),
      request(1, 1, 0, 20),
      request(0, 0, 0, 30, 1),
    ]);
    expect(leftOut).to.equal(0);
    expect([...sessions.conversationOf]).to.deep.equal([0, 0, 1]);
    expect([...sessions.firstTurnOf]).to.deep.equal([0, 2, 3, 5]);
    expect([...sessions.timestampsMs]).to.deep.equal([10, 20, 30, 50, 90.5]);
  });

  it("leave out turns that nothing leads to, and never go back in time", () => {
    const sessions = storedSessions([
      request(0, 1, 0, 5),
      request(1, 0, 0, -3),
      request(1, 2, 0, 20),
      request(2, 0, 1, 40),
      request(2, 1, 1, 39),
    ]);
    expect(sessions.leftOut).to.equal(2);
    expect([...sessions.timestampsMs]).to.deep.equal([0, 40, 40]);
  });
});

describe("a run as a dataset", () => {
  const sessions = storedSessions([request(0, 0, 1, 0), request(1, 0, 0, 5), request(1, 1, 0, 25), request(2, 0, 1, 30)]);
  const dataset = replayDataset(base, sessions);

  it("plays each session's conversation, as far as it went, at its moments", () => {
    const played = Array.from({ length: dataset.size }, (_, session) =>
      dataset
        .plan(session)
        .map(({ delayMs, maxOutputTokens }, index) => [
          dataset.messages(session, index)[0]?.content,
          dataset.details?.(session, index).timestampMs,
          delayMs,
          maxOutputTokens,
        ]),
    );
    expect(played).to.deep.equal([
      [["b1", 0, 0, 8]],
      [
        ["a1", 5, 0, 8],
        ["a2", 25, 0, 8],
      ],
      [["b1", 30, 0, 8]],
    ]);
  });

  it("has a schedule of its own", () => {
    const { conversations, turns, schedule, turnDelays } = summarizeReplay(dataset, sessions);
    expect([conversations, turns, turnDelays.length]).to.deep.equal([3, 4, 0]);
    expect(schedule).to.deep.include({ isBegun: true, firstTurnsMs: Float64Array.of(0, 5, 30) });
  });
});
