import { expect } from "chai";
import { multiTurnFormat } from "../../../../../services/dataset/core/formats/multi-turn.ts";
import { problemOf as problemIn, rowOf as rowIn } from "../loading.ts";

const rowOf = (row: Record<string, unknown>) => rowIn(multiTurnFormat, row);
const problemOf = (row: Record<string, unknown>) => problemIn(multiTurnFormat, row);
const saidIn = (row: Record<string, unknown>) =>
  rowOf(row).turns.map(({ messages }) => messages.map(({ role, content }) => `${role}: ${content}`));

describe("a row of multi_turn", () => {
  it("is a session of turns, each as single_turn has them", () => {
    const row = rowOf({
      type: "multi_turn",
      session_id: "s",
      turns: [{ text: "a" }, { texts: ["b"], role: "user", delay: 500, output_length: 9, model: "m", extra: { seed: 1 } }],
    });
    const nothing = { maxOutputTokens: undefined, model: undefined, extraInputs: undefined, delayMs: 0, timestampMs: undefined };
    expect(row).to.deep.equal({
      sessionId: "s",
      turns: [
        { ...nothing, messages: [{ role: "user", content: "a" }] },
        {
          messages: [{ role: "user", content: "b" }],
          maxOutputTokens: 9,
          model: "m",
          extraInputs: { seed: 1 },
          delayMs: 500,
          timestampMs: undefined,
        },
      ],
      unknownFields: [],
    });
  });

  it("may be of nobody's session", () => {
    expect(rowOf({ turns: [{ text: "a" }] }).sessionId).to.equal(undefined);
    expect(rowOf({ session_id: null, turns: [{ text: "a" }] }).sessionId).to.equal(undefined);
  });

  it("has its first system text in front of the first question, not as a turn of its own", () => {
    expect(saidIn({ turns: [{ role: "system", text: "s" }, { text: "a" }, { text: "b" }] })).to.deep.equal([
      ["system: s", "user: a"],
      ["user: b"],
    ]);
  });

  it("joins several system texts, a line each", () => {
    const [turn] = rowOf({ turns: [{ role: "system", texts: ["s", "t"] }, { text: "a" }] }).turns;
    expect(turn.messages[0]).to.deep.equal({ role: "system", content: "s\nt" });
  });

  for (const [what, first, rest] of [
    ["it is all there is", {}, []],
    ["it names an output length", { output_length: 5 }, [{ text: "a" }]],
    ["it has extra inputs", { extra: {} }, [{ text: "a" }]],
    ["it has a timestamp", { timestamp: 0 }, [{ text: "a" }]],
    ["it shows a picture", { image: "x.png" }, [{ text: "a" }]],
    ["it has a pause, even none", { delay: 0 }, [{ text: "a" }]],
  ] as const) {
    it(`has it as a turn of its own where ${what}`, () => {
      const row = { turns: [{ role: "system", text: "s", ...first }, ...rest] };
      expect(saidIn(row)[0]).to.deep.equal(["system: s"]);
      expect(saidIn(row)).to.have.lengthOf(1 + rest.length);
    });
  }

  it("has none of two system texts in front, nor one of a later turn", () => {
    const [system, question] = [{ role: "system", text: "s" }, { text: "a" }];
    expect(saidIn({ turns: [system, system, question] })).to.deep.equal([["system: s"], ["system: s"], ["user: a"]]);
    expect(saidIn({ turns: [question, system] })).to.deep.equal([["user: a"], ["system: s"]]);
  });

  it("names the fields that the format does not have, those of its turns once", () => {
    expect(
      rowOf({
        id: 1,
        turns: [
          { text: "a", topic: 1 },
          { text: "b", topic: 2 },
        ],
      }).unknownFields,
    ).to.deep.equal(["id", "turns.topic"]);
  });

  const refused: readonly (readonly [row: Record<string, unknown>, problem: string])[] = [
    [{ session_id: "s" }, "turns: expected a list of turns, got nothing"],
    [{ turns: {} }, "turns: expected a list of turns, got {}"],
    [{ turns: [] }, "turns: expected at least one turn, got []"],
    [{ turns: ["a"] }, 'turns/turns[0]: expected an object, got "a"'],
    [{ turns: [{ text: "a" }, { image: "missing" }] }, 'turns/turns[1].image: "missing": there is no such file'],
    [{ turns: [{ text: "a" }, {}] }, "turns/turns[1]: expected a text that is not empty in the field text, or a medium, got {}"],
    [{ turns: [{ text: "a", delay: "1" }] }, 'turns/turns[0].delay: expected a number from 0 to 604800000, got "1"'],
    [{ session_id: 7, turns: [{ text: "a" }] }, "session_id: expected a text that is not empty, got 7"],
    [{ type: "single_turn", turns: [{ text: "a" }] }, 'type: expected "multi_turn", got "single_turn"'],
  ];
  for (const [row, problem] of refused) {
    it(`is refused: ${JSON.stringify(row)}`, () => expect(problemOf(row)).to.equal(problem));
  }
});
