import { expect } from "chai";
import type { FileLoadOptions, LoadedFile } from "../../../../../services/dataset/core/file-load.ts";
import type { TraceOptions } from "../../../../../services/dataset/core/formats/format.ts";
import type { Row } from "../../../../../services/dataset/core/formats/row.ts";
import { wekaTraceFormat } from "../../../../../services/dataset/core/formats/weka-trace.ts";
import type { TraceSynthesis } from "../../../../../services/dataset/core/trace-synthesis.ts";
import { loadingOf, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

interface Call {
  readonly t: number;
  readonly hash_ids: readonly number[];
  readonly api_time?: number;
  readonly [field: string]: unknown;
}

/** Blocks of 10 tokens; a request takes a second. */
const call = (t: number, blocks: readonly number[], more: object = {}): Call => ({
  t,
  type: "n",
  model: "m",
  in: 10 * blocks.length,
  out: 5,
  hash_ids: blocks,
  api_time: 1,
  ...more,
});
const agent = (t: number, agentId: string, requests: readonly Call[], more: object = {}) => ({
  t,
  type: "subagent",
  agent_id: agentId,
  subagent_type: "Explore",
  status: "completed",
  models: ["m"],
  requests,
  ...more,
});
const trace = (requests: readonly object[], more: object = {}) => ({
  id: "s",
  models: ["m"],
  block_size: 10,
  hash_id_scope: "local",
  requests,
  ...more,
});
const unchanged: TraceSynthesis = {
  speedupRatio: 1,
  prefixLenMultiplier: 1,
  prefixRootMultiplier: 1,
  promptLenMultiplier: 1,
  outputLenMultiplier: 1,
  maxInputTokens: Number.POSITIVE_INFINITY,
  maxOutputTokens: Number.POSITIVE_INFINITY,
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, nth) => nth);

function rowsOf(rows: readonly object[], options: TraceOptions = {}, maxConversations = Number.POSITIVE_INFINITY): Row[] {
  const reader = wekaTraceFormat.createReader({ ...readerOptions, maxConversations, trace: options }, readerTools);
  for (const row of rows) {
    const read = reader.read(row as Record<string, unknown>, rowSource);
    if ("problem" in read) expect.fail(`${read.problem.shownField}: ${read.problem.message}`);
  }
  return [...(reader.finish?.() ?? [])].filter((row): row is Row => "turns" in row);
}

/** Name, number of turns and their pauses, ms. */
const shapesOf = (rows: readonly Row[]) =>
  rows.map(({ sessionId, turns }) => [sessionId, ...turns.map(({ delayMs }) => Math.round(delayMs))]);
const branchesOf = (rows: readonly Row[]) =>
  rows
    .flatMap(({ branching }) => branching?.branches ?? [])
    .map(({ afterTurn, joinAt, children }) => [afterTurn, joinAt, ...children]);

function loaded(rows: readonly object[], changes: Partial<FileLoadOptions> = {}): LoadedFile {
  const { push, end } = loadingOf(changes);
  push(Buffer.from(rows.map((each) => `${JSON.stringify(each)}\n`).join("")));
  return end();
}

describe("weka_trace", () => {
  it("is known by its requests, and makes each prompt of the blocks that it was recorded with", () => {
    const file = loaded([trace([call(0, [1, 2]), call(5, [1, 2, 3])])]);
    expect([file.format, file.turns.size, file.branching]).to.deep.equal(["weka_trace", 2, []]);
    const [session] = rowsOf([trace([call(0, [7, 8], { in: 15 }), call(5, [7, 8, 9], { in: 47, out: 0 })])]);
    const [first, second] = session?.turns ?? [];
    expect(first).to.deep.include({ isSelfContained: true, maxOutputTokens: 5, model: undefined });
    expect(first?.recipe).to.deep.equal({ inputTokens: 15, blockTokens: 10, blockIds: [0, 1] });
    expect(second?.recipe, "what is behind the blocks is its own").to.deep.equal({
      inputTokens: 47,
      blockTokens: 10,
      blockIds: [0, 1, 2, 3, 4],
    });
    expect(second?.maxOutputTokens).to.equal(1);
  });

  it("shares no block between two traces, whatever their names", () => {
    const rows = rowsOf([trace([call(0, [1, 2])]), trace([call(0, [1, 2])], { id: "t" })]);
    expect(rows.map(({ turns: [turn] }) => turn.recipe?.blockIds)).to.deep.equal([
      [0, 1],
      [2, 3],
    ]);
  });

  it("pauses as long as was between an answer and the request after it, or as the client is said to have waited", () => {
    const requests = [
      call(0, [1]),
      call(3, [1, 2], { think_time: 0.5 }),
      call(3.2, [1, 2, 3]),
      call(9, [1, 2, 3, 4], { api_time: -1 }),
    ];
    // The third began before the second had ended: it goes on from the first.
    expect(shapesOf(rowsOf([trace(requests.toSpliced(2, 1))]))).to.deep.equal([["s", 0, 2000, 5000]]);
    expect(shapesOf(rowsOf([trace(requests.toSpliced(2, 1))], { usesThinkTimeOnly: true }))).to.deep.equal([["s", 0, 500, 5000]]);
  });

  it("spawns a marked agent after the request before it, and lets the first one that began after its end wait", () => {
    const rows = rowsOf([
      trace([
        call(0, upTo(3)),
        agent(2, "a", [call(3, [50, 51]), call(6, [50, 51, 52])], { duration_ms: 6000 }),
        agent(2, "b", [call(2, [60])], { duration_ms: null }),
        agent(2, "late", [call(20, [70], { api_time: 100 })]),
        call(4, upTo(4)),
        call(10, upTo(5)),
      ]),
    ]);
    expect(branchesOf(rows)).to.deep.equal([
      [0, 2, "s::sa:a"],
      [0, 1, "s::sa:b"],
      [0, undefined, "s::sa:late"],
    ]);
    expect(shapesOf(rows)).to.deep.equal([
      // After b, which ended at 3; after a, at 7.
      ["s", 0, 1000, 3000],
      ["s::sa:a", 2000, 2000],
      ["s::sa:b", 1000],
      ["s::sa:late", 19000],
    ]);
  });

  it("takes requests of an agent that lie before it as counted from its begin, and leaves out who was begun by nobody", () => {
    const rows = rowsOf([trace([agent(0, "early", [call(0, [9])]), call(1, [1]), agent(10, "a", [call(0.5, [5])])])]);
    expect(shapesOf(rows)).to.deep.equal([
      ["s", 0],
      ["s::sa:a", 8500],
    ]);
  });

  it("finds agents that are not marked by what their prompts begin with", () => {
    const main = [call(0, upTo(4)), call(4, upTo(6)), call(12, upTo(8))];
    const other = [call(5, [...upTo(3), 90, 91], { in: 2e5, out: 5e4 }), call(8, [...upTo(3), 90, 91, 92], { in: 2e5 })];
    const rows = rowsOf([trace([main[0]!, main[1]!, ...other, main[2]!])]);
    expect(shapesOf(rows)).to.deep.equal([
      ["s", 0, 3000, 3000],
      ["s::fa:000", 0, 2000],
    ]);
    expect(branchesOf(rows)).to.deep.equal([[1, 2, "s::fa:000"]]);
  });

  it("takes a shorter context for the same agent where nothing goes on from the longer one", () => {
    const compacted = [call(0, upTo(9)), call(3, [...upTo(3), 80]), call(6, [...upTo(3), 80, 81])];
    expect(shapesOf(rowsOf([trace(compacted)]))).to.deep.equal([["s", 0, 2000, 2000]]);
    // The longer one goes on: two agents.
    const both = [...compacted, call(9, upTo(10))];
    expect(rowsOf([trace(both)]).map(({ sessionId, turns }) => [sessionId, turns.length])).to.deep.equal([
      ["s", 2],
      ["s::fa:000", 2],
    ]);
  });

  it("takes what begins an hour later with less than half of the context for another session", () => {
    const split = [call(0, upTo(9)), call(4000, [...upTo(3), 80], { in: 99_999, out: 50_000 })];
    expect(rowsOf([trace(split)]).map(({ sessionId }) => sessionId)).to.deep.equal(["s", "s::fa:000"]);
    const resumed = [call(0, upTo(9)), call(4000, [...upTo(6), 80])];
    expect(rowsOf([trace(resumed)])).to.have.length(1);
  });

  it("never goes on with another model", () => {
    const rows = rowsOf([trace([call(0, upTo(2)), call(4, upTo(3), { model: "small" }), call(8, upTo(4))])]);
    expect(rows.map(({ sessionId, turns }) => [sessionId, turns.length])).to.deep.equal([
      ["s", 2],
      ["s::aux:000", 1],
    ]);
  });

  it("leaves a request that makes a title with the session, and begins that with the next one", () => {
    const rows = rowsOf([trace([call(0, [500]), call(2, upTo(3)), call(5, upTo(4))])]);
    expect(shapesOf(rows)).to.deep.equal([["s", 0, 1000, 2000]]);
  });

  it("tells aids, agents and groups of them apart by their names", () => {
    const long = { in: 3e5, out: 2e4 };
    const worker = (t: number, own: number) => call(t, [...upTo(5), own], { ...long, api_time: 20 });
    const rows = rowsOf([
      trace([
        call(0, upTo(6), long),
        ...[worker(2, 100), worker(3, 101), worker(4, 102)],
        call(30, [300, 301]),
        call(31, [400, 401], { in: 2e5, out: 500 }),
        call(32, [410, 411], long),
        call(40, upTo(7), long),
      ]),
    ]);
    expect(rows.map(({ sessionId }) => sessionId)).to.deep.equal([
      ...["s", "s::wg:000_000", "s::wg:000_001", "s::wg:000_002"],
      ...["s::aux:003", "s::aux:004", "s::fa:005"],
    ]);
  });

  it("finds agents within a marked one, too", () => {
    const inner = [call(3, [50, 51]), call(5, [70, 71]), call(7, [50, 51, 52])];
    const rows = rowsOf([trace([call(0, [1]), agent(2, "a", inner), call(20, [1, 2])])]);
    expect(rows.map(({ sessionId, turns }) => [sessionId, turns.length])).to.deep.equal([
      ["s", 2],
      ["s::sa:a", 2],
      ["s::sa:a:aux:000", 1],
    ]);
    expect(branchesOf(rows)).to.deep.equal([[0, 1, "s::sa:a", "s::sa:a:aux:000"]]);
  });

  it("keeps the first sessions that are not too long, with all that they began", () => {
    const rows = [
      trace([call(0, [1], { in: 990, out: 11 })], { id: "long" }),
      trace([call(0, [1]), agent(2, "a", [call(3, [5])])], { id: "one" }),
      trace([call(0, [1])], { id: "two" }),
    ];
    expect(rowsOf(rows, { maxContextTokens: 1000 }, 1).map(({ sessionId }) => sessionId)).to.deep.equal(["one", "one::sa:a"]);
    const file = loaded(rows, { trace: { maxContextTokens: 1000 } });
    expect(file.notes.join()).to.contain("1 trace was left out");
    expect(file.branching).to.have.length(1);
    expect(() => loaded(rows, { trace: { maxContextTokens: 5 } })).to.throw("3 traces were left out");
  });

  it("caps the time from one request to the next of a session and its agents, and moves what is behind it", () => {
    const requests = [
      call(0, upTo(1)),
      agent(1, "a", [call(20, [50], { api_time: 80 }), call(110, [50, 51])]),
      call(220, upTo(2)),
      call(300, upTo(3)),
    ];
    expect(shapesOf(rowsOf([trace(requests)]))).to.deep.equal([
      ["s", 0, 109_000, 79_000],
      ["s::sa:a", 19_000, 10_000],
    ]);
    // Starts at 0, 20, 80, 140, 200; the agent's first request still takes 80 s.
    expect(shapesOf(rowsOf([trace(requests)], { idleGapCapSec: 60 }))).to.deep.equal([
      ["s", 0, 59_000, 59_000],
      ["s::sa:a", 19_000, 0],
    ]);
    expect(shapesOf(rowsOf([trace(requests)], { idleGapCapSec: 1e9 }))).to.deep.equal(shapesOf(rowsOf([trace(requests)])));
    expect(shapesOf(rowsOf([trace(requests)], { idleGapCapSec: 0 }))[0]).to.deep.equal(["s", 0, 0, 0]);
  });

  it("leaves out a session's own requests of longer prompts, and cuts its answers", () => {
    const rows = [
      trace([call(0, upTo(2)), agent(2, "a", [call(3, upTo(9), { out: 8 })]), call(9, upTo(3), { out: 50 })]),
      trace([call(0, upTo(9))], { id: "t" }),
    ];
    const synthesis = { ...unchanged, maxInputTokens: 30, maxOutputTokens: 7 };
    const bounded = rowsOf(rows, { synthesis });
    expect(bounded.map(({ sessionId, turns }) => [sessionId, ...turns.map((turn) => turn.maxOutputTokens)])).to.deep.equal([
      ["s", 5, 7],
      ["s::sa:a", 8],
    ]);
    expect(loaded(rows, { trace: { synthesis } }).notes.join()).to.contain(
      "1 request of a longer prompt was left out (--synthesis-max-isl)",
    );
  });

  it("is changed in nothing else, and says which option has no meaning", () => {
    for (const [field, change] of [
      ["speedup_ratio", { speedupRatio: 2 }],
      ["prefix_root_multiplier", { prefixRootMultiplier: 2, maxOutputTokens: 5 }],
    ] as const) {
      const load = (): unknown => loaded([trace([call(0, [1])])], { trace: { synthesis: { ...unchanged, ...change } } });
      expect(load)
        .to.throw(/has no meaning for weka_trace/)
        .with.nested.property("violations[0].field")
        .that.equals(`dataset.file.synthesis.${field}`);
    }
  });

  for (const [title, row, problem] of [
    ["another type", trace([], { type: "x" }), 'type: expected "weka_trace", got "x"'],
    ["no id", trace([], { id: "" }), /^id: expected a text/],
    ["no block size", trace([], { block_size: 0 }), /^block_size: expected a whole number/],
    ["blocks of other traces", trace([], { hash_id_scope: "global" }), /^hash_id_scope: expected "local"/],
    ["no requests", trace([]), /^requests: expected a list/],
    ["no request of its own", trace([agent(0, "a", [])]), /^requests: expected at least one request of the session/],
    ["a request that is none", trace([1 as never]), /requests\[0\]: expected an object/],
    ["a type that there is not", trace([call(0, [1], { type: "x" })]), /requests\[0\].type: expected n, s or subagent/],
    ["no moment", trace([call(-1, [1])]), /requests\[0\].t: expected seconds/],
    ["no model", trace([call(0, [1], { model: null })]), /requests\[0\].model/],
    ["no prompt", trace([call(0, [1], { in: 0 })]), /requests\[0\].in: expected a whole number from 1/],
    ["an answer that is none", trace([call(0, [1], { out: -1 })]), /requests\[0\].out: expected a whole number from 0/],
    ["blocks that are none", trace([call(0, [-1])]), /requests\[0\].hash_ids\[0\]: expected a whole number/],
    ["a time that is none", trace([call(0, [1], { api_time: "1" })]), /requests\[0\].api_time: expected seconds/],
    ["a wait that is none", trace([call(0, [1], { think_time: "1" })]), /requests\[0\].think_time: expected seconds/],
    ["an agent without a name", trace([call(0, [1]), agent(1, "", [])]), /requests\[1\].agent_id: expected a text/],
    ["an agent without a moment", trace([call(0, [1]), agent(-1, "a", [])]), /requests\[1\].t: expected seconds/],
    ["an agent without requests", trace([call(0, [1]), agent(1, "a", 3 as never)]), /requests\[1\].requests: expected a list/],
    ["an agent's time", trace([call(0, [1]), agent(1, "a", [], { duration_ms: "1" })]), /requests\[1\].duration_ms/],
    ["an agent's request", trace([call(0, [1]), agent(1, "a", [call(0, [1], { in: 0 })])]), /requests\[1\].requests\[0\].in/],
    [
      "two agents of a name",
      trace([call(0, [1]), agent(1, "a", [call(1, [2])]), agent(1, "a", [call(1, [2])])]),
      /requests\[2\].agent_id: the sub-agent a stands there before/,
    ],
  ] as const) {
    it(`refuses ${title}`, () => {
      const text = problemOf(wekaTraceFormat, row);
      if (typeof problem === "string") expect(text).to.equal(problem);
      else expect(text).to.match(problem);
    });
  }

  it("refuses an id that stands there before, and tells fields that it does not have", () => {
    expect(() => loaded([trace([call(0, [1])]), trace([call(0, [1])])])).to.throw("id: s is the id of an earlier trace");
    const file = loaded([trace([call(0, [1], { extra: 1 })], { more: 2 })]);
    expect([...file.unknownFields.keys()]).to.deep.equal(["more", "requests.extra"]);
  });
});
