import { expect } from "chai";
import { singleTurnFormat } from "../../../../../services/dataset/core/formats/single-turn.ts";
import { problemOf as problemIn, rowOf as rowIn } from "../loading.ts";

const rowOf = (row: Record<string, unknown>) => rowIn(singleTurnFormat, row);
const problemOf = (row: Record<string, unknown>) => problemIn(singleTurnFormat, row);

describe("a row of single_turn", () => {
  it("is a user's text, and nothing else where nothing else is said", () => {
    expect(rowOf({ text: "hi" })).to.deep.equal({
      sessionId: undefined,
      turns: [
        {
          messages: [{ role: "user", content: "hi" }],
          maxOutputTokens: undefined,
          model: undefined,
          extraInputs: undefined,
          delayMs: 0,
          timestampMs: undefined,
          isSelfContained: true,
        },
      ],
      unknownFields: [],
    });
  });

  it("says role, output length, model, session and extra inputs", () => {
    const extra = { seed: 1, stop: ["\\ud83d"], nested: { deep: [null] } };
    const said = { text: "a", role: "system", output_length: 9, model: "m", session_id: "s", extra, delay: 1.5, timestamp: 0 };
    const row = rowOf({ type: "single_turn", ...said });
    expect(row.sessionId).to.equal("s");
    expect(row.turns).to.deep.equal([
      {
        messages: [{ role: "system", content: "a" }],
        maxOutputTokens: 9,
        model: "m",
        extraInputs: extra,
        delayMs: 1.5,
        timestampMs: 0,
        isSelfContained: true,
      },
    ]);
  });

  it("names the fields that the format does not have", () => {
    expect(rowOf({ text: "a", id: 7, output_lenght: 3 }).unknownFields).to.deep.equal(["id", "output_lenght"]);
  });

  const sameText: readonly Record<string, unknown>[] = [
    { texts: ["hi"] },
    { text: "", texts: ["hi"] },
    { text: null, texts: ["", "hi"] },
    { text: "hi", texts: null, image: null, timestamp: null, delay: null, output_length: null },
  ];
  for (const row of sameText) {
    it(`takes ${JSON.stringify(row)} for its one text`, () => expect(rowOf(row).turns[0].messages[0]?.content).to.equal("hi"));
  }

  const refused: readonly (readonly [row: Record<string, unknown>, problem: string])[] = [
    [{ text: "a", timestamp: "0" }, 'timestamp: expected a number from 0 to 4000000000000, got "0"'],
    [{ text: "a", timestamp: -1 }, "timestamp: expected a number from 0 to 4000000000000, got -1"],
    [{ text: "a", timestamp: 1, delay: 1 }, "delay: timestamp and delay cannot be set together"],
    [{ text: "a", delay: "5" }, 'delay: expected a number from 0 to 604800000, got "5"'],
    [{ text: "a", delay: -5 }, "delay: expected a number from 0 to 604800000, got -5"],
    [{ text: "a", role: "robot" }, 'role: expected system, user, assistant or tool, got "robot"'],
    [{ text: "a", role: { toString: "" } }, 'role: expected system, user, assistant or tool, got {"toString":""}'],
    [{ text: "a", role: ["user"] }, 'role: expected system, user, assistant or tool, got ["user"]'],
    [{ text: "a", role: ["user", "x"] }, 'role: expected system, user, assistant or tool, got ["user","x"]'],
    [{ text: "a", session_id: "" }, 'session_id: expected a text that is not empty, got ""'],
    [{ text: "a", model: 3 }, "model: expected a text that is not empty, got 3"],
    [{ text: "a", output_length: 0 }, "output_length: expected a whole number from 1 to 10000000, got 0"],
    [{ text: "a", output_length: 1.5 }, "output_length: expected a whole number from 1 to 10000000, got 1.5"],
    [{ text: "a", output_length: "5" }, 'output_length: expected a whole number from 1 to 10000000, got "5"'],
    [{ text: "a", output_length: 1e9 }, "output_length: expected a whole number from 1 to 10000000, got 1000000000"],
    [{ text: "a", type: "multi_turn" }, 'type: expected "single_turn", got "multi_turn"'],
    [{ text: "a", extra: [1] }, "extra: expected an object of at most 1048576 characters, got [1]"],
    [{ text: "a", extra: { x: "\udc00" } }, 'extra: expected an object of at most 1048576 characters, got {"x":"\\udc00"}'],
  ];
  for (const [row, problem] of refused) {
    it(`is refused by field: ${JSON.stringify(row)}`, () => expect(problemOf(row)).to.equal(problem));
  }

  it("is refused with extra inputs that would not fit a message, shown cut", () => {
    const problem = problemOf({ text: "a", extra: { x: "y".repeat(1 << 20) } });
    expect(problem).to.match(/^extra: expected an object of at most 1048576 characters, got \{"x":"y+…$/);
    expect(problem.length).to.be.lessThan(150);
  });
});
