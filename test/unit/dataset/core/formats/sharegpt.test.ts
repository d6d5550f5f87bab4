import { expect } from "chai";
import { sharegptFormat } from "../../../../../services/dataset/core/formats/sharegpt.ts";
import { loadingOf, problemOf, readerOptions, readerTools, rowOf, rowSource } from "../loading.ts";

/** The tokens of these tests are words. */
const words = (count: number) => Array.from({ length: count }, () => "w").join(" ");
const human = (value: unknown) => ({ from: "human", value });
const gpt = (value: unknown) => ({ from: "gpt", value });

function asked(
  conversations: readonly unknown[],
  namesOutputTokens = false,
): (readonly [string | undefined, number | undefined])[] {
  const { read } = sharegptFormat.createReader({ ...readerOptions, namesOutputTokens }, readerTools);
  const got = read({ id: "a", conversations }, rowSource);
  if ("problem" in got) expect.fail(got.problem.message);
  return (got.row?.turns ?? []).map(({ messages, maxOutputTokens }) => [messages[0]?.content, maxOutputTokens] as const);
}

describe("a conversation of sharegpt", () => {
  it("asks each question that an answer follows, for as many tokens as the answer has", () => {
    const { sessionId, turns } = rowOf(sharegptFormat, {
      id: "a",
      conversations: [human(words(5)), gpt(words(7)), human(words(6)), gpt(words(4)), human("unanswered")],
    });
    expect(sessionId).to.equal(undefined);
    expect(
      turns.map(({ messages, maxOutputTokens, isSelfContained }) => [messages, maxOutputTokens, isSelfContained]),
    ).to.deep.equal([
      [[{ role: "user", content: words(5) }], 7, undefined],
      [[{ role: "user", content: words(6) }], 4, undefined],
    ]);
  });

  it("passes over what others say, and answers without a question", () => {
    const said = [
      { from: "system", value: "be brief" },
      gpt(words(9)),
      human(words(5)),
      { from: "tool" },
      gpt(words(4)),
      gpt(words(8)),
    ];
    expect(asked(said)).to.deep.equal([[words(5), 4]]);
  });

  it("is its first two texts where nobody is said to speak", () => {
    expect(asked([{ value: words(5) }, { value: words(6) }, { value: words(7) }, { value: words(8) }])).to.deep.equal([
      [words(5), 6],
    ]);
  });

  const leftOut: readonly (readonly [what: string, conversations: readonly unknown[]])[] = [
    ["a question is too short", [human(words(3)), gpt(words(9))]],
    ["an answer is too short", [human(words(9)), gpt(words(3))]],
    ["a question is too long", [human(words(1025)), gpt(words(9))]],
    ["both together are too long", [human(words(1000)), gpt(words(1049))]],
    ["a later turn is too short", [human(words(9)), gpt(words(9)), human(words(1)), gpt(words(9))]],
    ["there is no answer", [human(words(9))]],
    ["there is no text", [human(""), gpt(words(9))]],
    ["there is nothing", []],
  ];
  for (const [what, conversations] of leftOut) {
    it(`is left out where ${what}`, () => expect(asked(conversations)).to.deep.equal([]));
  }

  it("is kept at the limits, and with a short answer where the run says how long answers are", () => {
    expect(asked([human(words(4)), gpt(words(4))])).to.have.lengthOf(1);
    expect(asked([human(words(1024)), gpt(words(1024))])).to.have.lengthOf(1);
    expect(asked([human(words(9)), gpt(words(3))], true)).to.deep.equal([[words(9), 3]]);
  });

  it("is refused where it is none", () => {
    expect(problemOf(sharegptFormat, { id: "a" })).to.equal("conversations: expected a list, got nothing");
  });

  it("is counted as left out, and waits until tokens can be counted", () => {
    const rows = [
      [human(words(9)), gpt(words(9))],
      [human("a"), gpt("b")],
    ];
    const { load, push, end } = loadingOf({ format: undefined });
    push(Buffer.from(rows.map((conversations) => `${JSON.stringify({ conversations })}\n`).join("")));
    expect([load.awaited, load.rows]).to.deep.equal(["counter", 0]);
    load.countBy(readerTools.countTokens);
    const loaded = end();
    expect([loaded.format, loaded.turns.size, loaded.usedRows]).to.deep.equal(["sharegpt", 1, 2]);
    expect(loaded.notes[0]).to.match(/^1 of 2 conversations were left out, as in AIPerf and vLLM/);
  });

  it("is a mistake of the file where all are left out", () => {
    const { push, end } = loadingOf({ format: undefined });
    push(Buffer.from(`${JSON.stringify({ conversations: [human("a"), gpt("b")] })}\n`));
    expect(end).to.throw("/data/p.jsonl: no row of the file makes a request: 1 of 1 conversations were left out");
  });
});
