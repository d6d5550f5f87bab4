import { expect } from "chai";
import type { ReaderOptions } from "../../../../../services/dataset/core/formats/format.ts";
import type { Row } from "../../../../../services/dataset/core/formats/row.ts";
import { tracelabFormat } from "../../../../../services/dataset/core/formats/tracelab.ts";
import { loadedRows, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

const at = (sec: number): string => new Date(Date.UTC(2026, 3, 29) + sec * 1000).toISOString();

interface Round {
  readonly sent: number;
  readonly took?: number;
  readonly total: number;
  readonly prefix?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

function round(session: string, { sent, took = 0.1, total, prefix = 0, more = {} }: Round): Record<string, unknown> {
  return {
    session_id: session,
    round_index: 0,
    user: "u",
    project: "p",
    model: "m",
    input_tokens_total: total,
    prefix_tokens: prefix,
    newly_append_tokens: total - prefix,
    output_tokens: 20,
    timing_events: [
      { event_type: "user_message", timestamp: at(sent) },
      { event_type: "text", timestamp: at(sent + took) },
    ],
    ...more,
  };
}

const tool = (name: string, from: number, to: number, latencyMs = (to - from) * 1000): Record<string, unknown> => ({
  tool_name: name,
  emitted_at: at(from),
  result_at: at(to),
  tool_wall_latency_ms: latencyMs,
});

function played(rows: readonly Record<string, unknown>[], options: Partial<ReaderOptions> = {}) {
  const reader = tracelabFormat.createReader({ ...readerOptions, ...options }, readerTools);
  for (const row of rows) {
    const read = reader.read(row, rowSource);
    if ("problem" in read) expect.fail(`${read.problem.shownField ?? read.problem.field}: ${read.problem.message}`);
  }
  const sessions = [...(reader.finish?.() ?? [])].filter((row): row is Row => "turns" in row);
  return { sessions, notes: reader.notes?.() ?? [] };
}

/** Name, and of each request the tokens of its prompt, of its answer, and the pause before it, ms. */
const shapesOf = (sessions: readonly Row[]) =>
  sessions.map(({ sessionId, turns }) => [
    sessionId,
    ...turns.map(({ recipe, maxOutputTokens, delayMs }) => [recipe?.inputTokens, maxOutputTokens, Math.round(delayMs)]),
  ]);
const branchesOf = (sessions: readonly Row[]) =>
  sessions
    .flatMap(({ branching }) => branching?.branches ?? [])
    .map(({ afterTurn, joinAt, children }) => [afterTurn, joinAt, ...children]);
const blocksOf = (sessions: readonly Row[]) => sessions.map(({ turns }) => turns.map(({ recipe }) => recipe?.blockIds));

describe("tracelab", () => {
  it("is known by its fields, and is sessions of requests in the order in which they were sent", () => {
    const rows = [
      round("claude:1", { sent: 0, took: 0.2, total: 200 }),
      round("claude:1", { sent: 1.5, total: 900, prefix: 500, more: { reasoning_output_tokens: 5 } }),
      round("claude:2", { sent: 9, total: 100 }),
      round("claude:1", { sent: 0.7, total: 520, prefix: 192 }),
    ];
    expect(loadedRows(rows).format).to.equal("tracelab");
    expect(shapesOf(played(rows).sessions)).to.deep.equal([
      ["claude_1", [200, 20, 0], [520, 20, 500], [900, 25, 700]],
      ["claude_2", [100, 20, 0]],
    ]);
  });

  it("begins a prompt with the blocks of the one before, as far as the engine had them", () => {
    const rows = [
      round("s", { sent: 0, total: 40 }),
      round("s", { sent: 1, total: 62, prefix: 39 }),
      round("s", { sent: 2, total: 30, prefix: 60 }),
      round("s", { sent: 3, total: 50, prefix: 50 }),
    ];
    const [blocks] = blocksOf(played(rows, { blockTokens: 10 }).sessions);
    expect(blocks).to.deep.equal([
      [0, 1, 2, 3],
      // 3 of 4 are there already; of the last 2 tokens there is no whole block, they are its own.
      [0, 1, 2, 4, 5, 6, 7],
      [0, 1, 2],
      [0, 1, 2, 8, 9],
    ]);
  });

  it("was sent after the last message or result, took until the last that was said, and without either is left out", () => {
    const events = (...list: readonly (readonly [string, number])[]) => ({
      timing_events: list.map(([event_type, sec]) => ({ event_type, timestamp: at(sec) })),
    });
    const rows = [
      round("s", {
        sent: 0,
        total: 100,
        more: events(["tool_result", 1], ["tool_result", 3], ["reasoning", 4], ["tool_call", 6]),
      }),
      round("s", { sent: 0, total: 100, more: events(["text", 8], ["text", 9]) }),
      round("s", { sent: 0, total: 100, more: events(["other", 8]) }),
      round("s", { sent: 0, total: 100, more: { timing_events: [] } }),
    ];
    const { sessions, notes } = played(rows);
    expect(shapesOf(sessions)).to.deep.equal([["s", [100, 20, 0], [100, 20, 2000]]]);
    expect(notes).to.deep.equal(["rows without a moment of a message, a result or an answer were left out: 2"]);
  });

  const parent = (tools: readonly Record<string, unknown>[], until: number, more: Readonly<Record<string, unknown>> = {}) => [
    round("p", { sent: 0, total: 300, more: { tools, ...more } }),
    round("p", { sent: until, total: 420, prefix: 256, more }),
  ];

  it("takes a session within the time of a call that begins agents for its agent, of the same user and project alone", () => {
    const { sessions, notes } = played([
      ...parent([tool("Task", 0.2, 11.2)], 11.5),
      round("kid", { sent: 0.4, total: 200 }),
      round("kid", { sent: 0.9, total: 260, prefix: 192 }),
      round("stranger", { sent: 0.5, total: 200, more: { user: "v" } }),
      round("late", { sent: 11.15, total: 200 }),
    ]);
    expect(shapesOf(sessions)).to.deep.equal([
      ["p", [300, 20, 0], [420, 20, 10_500]],
      ["p::sa:kid", [200, 20, 300], [260, 20, 400]],
      ["stranger", [200, 20, 0]],
      ["late", [200, 20, 0]],
    ]);
    expect(branchesOf(sessions)).to.deep.equal([[0, 1, "p::sa:kid"]]);
    expect(notes).to.deep.equal(["sessions that are agents of others, by their times: 1"]);
  });

  it("takes calls below 10 s for none that begin agents, the tightest of several for the one that did, and no agents of agents", () => {
    const kid = round("kid", { sent: 0.4, total: 200 });
    expect(branchesOf(played([...parent([tool("Agent", 0.2, 9.9)], 20), kid]).sessions)).to.deep.equal([]);
    const wide = round("q", { sent: -2, total: 300, more: { tools: [tool("Task", -1, 30)] } });
    const { sessions } = played([wide, ...parent([tool("Agent", 0.2, 12)], 20), kid]);
    expect(branchesOf(sessions)).to.deep.equal([[0, undefined, "q::sa:p"]]);
    expect(
      sessions.map(({ sessionId }) => sessionId),
      "and an agent's own agent is a session by itself",
    ).to.include("kid");
  });

  it("has one time for all agents of a session that waits for them by another tool", () => {
    const codex = { provider: "codex" };
    const { sessions } = played([
      round("p", {
        sent: 0,
        total: 300,
        more: { ...codex, tools: [tool("spawn_agent", 0.2, 0.25), tool("spawn_agent", 0.3, 0.35)] },
      }),
      round("k1", { sent: 0.5, total: 200, more: codex }),
      round("k2", { sent: 0.6, total: 210, more: codex }),
      round("p", { sent: 1, total: 420, prefix: 256, more: { ...codex, tools: [tool("wait_agent", 1.1, 2)] } }),
      round("p", { sent: 2.1, total: 520, prefix: 384, more: codex }),
    ]);
    expect(branchesOf(sessions)).to.deep.equal([[0, 2, "p::sa:k1", "p::sa:k2"]]);
  });

  it("takes a row of as many events as a line has room for", () => {
    const timing_events = Array.from({ length: 300_000 }, (_, nth) => ({
      event_type: nth < 200_000 ? "tool_result" : "text",
      timestamp: at(nth / 1000),
    }));
    const tools = Array.from({ length: 200_000 }, () => tool("spawn_agent", 0, 1));
    const { sessions } = played([round("s", { sent: 0, total: 100, more: { provider: "codex", timing_events, tools } })]);
    expect(shapesOf(sessions)).to.deep.equal([["s", [100, 20, 0]]]);
  });

  it("shares no block between a session and its agents", () => {
    const { sessions } = played([...parent([tool("Task", 0.2, 11.2)], 11.5), round("kid", { sent: 0.4, total: 200 })]);
    const [own = [], agents = []] = blocksOf(sessions);
    const names = new Set(own.flat());
    expect(agents.flat().filter((block) => names.has(block))).to.deep.equal([]);
  });

  it("keeps the names of sessions apart that would be written alike", () => {
    const rows = [round("a:1", { sent: 0, total: 100 }), round("a/1", { sent: 0, total: 100 })];
    expect(played(rows).sessions.map(({ sessionId }) => sessionId)).to.deep.equal(["a:1", "a/1"]);
  });

  it("bounds what is kept as weka_trace does", () => {
    const rows = [round("a", { sent: 0, total: 500 }), round("b", { sent: 0, total: 100 }), round("c", { sent: 0, total: 100 })];
    expect(played(rows, { maxConversations: 1 }).sessions).to.have.length(1);
    const { sessions, notes } = played(rows, { trace: { maxContextTokens: 200 } });
    expect(sessions.map(({ sessionId }) => sessionId)).to.deep.equal(["b", "c"]);
    expect(notes).to.deep.equal([
      "1 trace was left out: a prompt and its answer have more than 200 tokens (--max-context-length)",
    ]);
  });

  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ["input_tokens_total: expected a whole number from 0 to 10000000, got nothing", { input_tokens_total: undefined }],
    ["prefix_tokens: expected a whole number from 0 to 10000000, got -1", { prefix_tokens: -1 }],
    ["output_tokens: expected a whole number from 0 to 10000000, got 1.5", { output_tokens: 1.5 }],
    ["timing_events: expected a list of events, got 7", { timing_events: 7 }],
    [
      'timing_events/timing_events[0].timestamp: expected a moment as 2026-04-29T00:03:18Z, got "noon"',
      { timing_events: [{ event_type: "text", timestamp: "noon" }] },
    ],
    ["tools/tools[0]: expected an object, got 7", { tools: [7] }],
    ['tools/tools[0].emitted_at: expected a moment as 2026-04-29T00:03:18Z, got "x"', { tools: [{ emitted_at: "x" }] }],
    ['tools/tools[0].tool_wall_latency_ms: expected milliseconds, got "x"', { tools: [{ tool_wall_latency_ms: "x" }] }],
    ['type: expected "tracelab", got "other"', { type: "other" }],
  ];
  for (const [said, changes] of wrong) {
    it(`is refused: ${said}`, () => {
      expect(problemOf(tracelabFormat, { ...round("s", { sent: 0, total: 100 }), ...changes })).to.equal(said);
    });
  }
});
