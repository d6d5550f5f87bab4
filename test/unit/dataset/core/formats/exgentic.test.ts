import { expect } from "chai";
import { exgenticFormat, exgenticName } from "../../../../../services/dataset/core/formats/exgentic.ts";
import { loadedRows, problemOf, rowOf } from "../loading.ts";

const format = exgenticFormat("exgentic") ?? expect.fail("no format");
const said = (role: string, ...parts: object[]) => ({ role, parts });
const text = (content: string) => ({ type: "text", content });

function span(changes: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "llm_call",
    start_time: "2026-04-29T00:00:01Z",
    end_time: "2026-04-29T00:00:03Z",
    status: { code: 1 },
    attributes: {
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 5,
      "gen_ai.input.messages": JSON.stringify([said("user", text("Hello"))]),
      ...changes,
    },
    ...rest,
  };
}

const session = (...spans: unknown[]) => ({ session_id: "s", harness: "claude_code", models: ["azure/gpt-4.1"], spans });

// What its messages become is held against AIPerf's in test/service/dataset/aiperf-inputs.test.ts.
describe("a trace of Exgentic", () => {
  it("is sent call by call in the order of starts, each as long after the answer before as was recorded", () => {
    const late = span({}, { start_time: "2026-04-29T00:00:04.5Z", end_time: "2026-04-29T00:00:09Z" });
    const beside = span({}, { start_time: "2026-04-29T00:00:05Z", end_time: "2026-04-29T00:00:06Z" });
    const { sessionId, turns } = rowOf(format, session(late, beside, span()));
    expect(sessionId).to.equal("s");
    expect(turns.map(({ delayMs, isSelfContained }) => [delayMs, isSelfContained])).to.deep.equal([
      [0, true],
      [1500, true],
      [0, true],
    ]);
  });

  it("asks for the recorded length where no limit was asked for", () => {
    const lengthOf = (changes: object) => rowOf(format, session(span({ ...changes }))).turns[0].maxOutputTokens;
    expect(lengthOf({})).to.equal(5);
    expect(lengthOf({ "gen_ai.request.max_tokens": 64 })).to.equal(64);
  });

  it("leaves out calls that failed, had no tokens or were no model's, and sessions without any", () => {
    const rows = [
      session(span(), span({}, { status: { code: 2 } }), span({ "gen_ai.usage.output_tokens": 0 }), span({}, { type: "tool" })),
      session(span({}, { type: null })),
    ];
    const { notes, conversations } = loadedRows(rows, { format: "exgentic" });
    expect(conversations.size).to.equal(1);
    expect(notes).to.deep.equal(["calls that failed were left out: 1", "calls without tokens were left out: 1"]);
  });

  const wrong: readonly (readonly [row: Record<string, unknown>, problem: RegExp])[] = [
    [{ spans: [] }, /^session_id: expected a text/],
    [{ session_id: "s", spans: "x" }, /^spans: expected a list/],
    [session(span(), span({ "gen_ai.usage.input_tokens": null })), /^spans\/spans\[1\]: expected numbers of tokens/],
    [session(span({}, { end_time: "2026-04-29T00:00:00Z" })), /expected an end after the start/],
    [session(span({ "gen_ai.input.messages": "[" })), /expected gen_ai.input.messages that is a list of objects, got "\["/],
    [session(span({ "gen_ai.input.messages": "[]" })), /expected gen_ai.input.messages, got none/],
    [
      session(span({ "gen_ai.input.messages": [said("user", { type: "image" })] })),
      /expected parts of the type text.*got "image"/,
    ],
    [session(span({ "gen_ai.request.max_tokens": 0 })), /max_tokens from 1 on, got 0/],
    [session(span({ "gen_ai.request.temperature": "hot" })), /temperature that is a number/],
    [session(span({ "gen_ai.request.stop_sequences": [1] })), /stop_sequences that are texts/],
    [session(span({ "gen_ai.tool.definitions": [{ type: "web" }] })), /tools of the type function, got "web"/],
  ];
  for (const [row, problem] of wrong) {
    it(`is refused: ${problem.source}`, () => expect(problemOf(format, row)).to.match(problem));
  }

  it("may be of some harness, model or benchmark alone, whatever provider the model had", () => {
    const name = exgenticName({ source_model: "GPT-4.1", harness: "claude_code" });
    expect(name).to.equal("exgentic:harness=claude_code,source_model=GPT-4.1");
    expect(
      loadedRows([session(span()), { ...session(span()), harness: "openai_solo" }], { format: name }).conversations.size,
    ).to.equal(1);
    for (const none of ["exgentic:", "exgentic:level=5", "exgentic:harness=", "exgentik"]) {
      expect(exgenticFormat(none), none).to.equal(undefined);
    }
  });
});
