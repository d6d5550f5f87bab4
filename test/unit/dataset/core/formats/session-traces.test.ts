import { expect } from "chai";
import { fileDataset } from "../../../../../services/dataset/core/file-dataset.ts";
import { bailianTraceFormat } from "../../../../../services/dataset/core/formats/bailian-trace.ts";
import { basetenTraceFormat } from "../../../../../services/dataset/core/formats/baseten-trace.ts";
import type { Format, TraceOptions } from "../../../../../services/dataset/core/formats/format.ts";
import type { Row } from "../../../../../services/dataset/core/formats/row.ts";
import { lookUpTurn } from "../../../../../services/dataset/core/turns.ts";
import { loadedRows, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

/** What all rows of a file together give. */
function rowsOf(format: Format, rows: readonly Record<string, unknown>[], trace: TraceOptions = {}, seed = 1): Row[] {
  const reader = format.createReader({ ...readerOptions, seed, trace }, readerTools);
  for (const row of rows) {
    const read = reader.read(row, rowSource);
    if ("problem" in read) expect.fail(read.problem.message);
  }
  return [...(reader.finish?.() ?? [])].filter((row): row is Row => "turns" in row);
}

describe("rows of bailian_trace", () => {
  const chat = (id: number, parent: number, more: object = {}): Record<string, unknown> => ({
    chat_id: id,
    parent_chat_id: parent,
    timestamp: id / 2,
    input_length: 40,
    output_length: 5,
    type: "text",
    turn: 1,
    hash_ids: [id, 7, 8],
    ...more,
  });

  it("are requests at their seconds, of blocks of 16 tokens", () => {
    const [row] = rowsOf(bailianTraceFormat, [chat(159, -1, { timestamp: 61.114, hash_ids: [1, 2 ** 40] })]);
    expect(row).to.deep.include({ sessionId: undefined, unknownFields: [] });
    expect(row?.turns[0]).to.deep.include({
      timestampMs: 61_114,
      maxOutputTokens: 5,
      recipe: { inputTokens: 40, blockIds: [1, 2 ** 40], blockTokens: 16 },
    });
  });

  it("are one session from their first chat on, by their turns, even where a child comes first", () => {
    const rows = rowsOf(bailianTraceFormat, [
      chat(3, 2, { turn: 3 }),
      chat(9, -1),
      chat(1, -1, { turn: 1 }),
      chat(2, 1, { turn: 2 }),
      chat(4, 404, { turn: 2 }),
    ]);
    expect(rows.map(({ sessionId, turns: [{ timestampMs }] }) => [sessionId, timestampMs])).to.deep.equal([
      ["1", 500],
      ["1", 1000],
      ["1", 1500],
      [undefined, 4500],
      [undefined, 2000],
    ]);
  });

  it("end where chats are each other's parents", () => {
    const rows = rowsOf(bailianTraceFormat, [chat(1, 2), chat(2, 1), chat(3, 3)]);
    expect(rows).to.have.length(3);
    expect(new Set(rows.map(({ sessionId }) => sessionId)).size).to.equal(2);
  });

  it("are turns of a dataset, with what its first rows keep of a file's conversations", () => {
    const file = loadedRows([chat(1, -1, { foo: 1 }), chat(2, 1, { turn: 2 }), chat(3, -1)], { maxConversations: 1 });
    expect(file.format).to.equal("bailian_trace");
    expect(file.conversations.size).to.equal(1);
    expect(file.turns.size).to.equal(2);
    expect([...file.unknownFields]).to.deep.equal([["foo", 1]]);
  });

  const wrong: readonly (readonly [more: object, problem: string])[] = [
    [{ chat_id: "a" }, 'chat_id: expected a whole number from 0, got "a"'],
    [{ parent_chat_id: -2 }, "parent_chat_id: expected a whole number from -1, got -2"],
    [{ turn: 0.5 }, "turn: expected a whole number from 0, got 0.5"],
    [{ timestamp: null }, "timestamp: expected a number of seconds, got null"],
    [{ timestamp: -1 }, "timestamp: expected a number from 0 to 4000000000, got -1"],
    [{ input_length: 0 }, "input_length: expected a whole number from 1"],
    [{ output_length: null }, "output_length: expected a whole number, got null"],
    [{ output_length: "5" }, "output_length: expected a whole number from 0"],
    [{ hash_ids: ["a"] }, "hash_ids/hash_ids[0]: expected a whole number"],
    [{ input_length: 32 }, "input_length: 3 blocks of 16 tokens need an input length above 32, got 32"],
  ];
  for (const [more, problem] of wrong) {
    it(`are refused: ${JSON.stringify(more)}`, () => {
      expect(problemOf(bailianTraceFormat, chat(1, -1, more))).to.contain(problem);
    });
  }
});

describe("rows of baseten_trace", () => {
  const at = 1_750_000_000_000;
  const row = (offsetMs: number, session: string | null, more: object = {}): Record<string, unknown> => ({
    timestamp_start_unix_ms: at + offsetMs,
    prompt: `prompt ${offsetMs}`,
    input_tokens: 20,
    output_tokens: 8,
    ...(session === null ? {} : { provided_session_id: session }),
    ...more,
  });
  const told = (rows: readonly Row[]) =>
    rows.map(({ sessionId, turns }) => [sessionId, ...turns.map(({ timestampMs, delayMs }) => timestampMs ?? `+${delayMs}`)]);

  it("are sessions in the order of their first rows, each row at its own moment after the first of the file", () => {
    const rows = rowsOf(basetenTraceFormat, [row(500, "b"), row(300, "a"), row(100, null), row(400, "a"), row(300, "0")]);
    expect(told(rows)).to.deep.equal([
      [undefined, 0],
      ["0", 200],
      ["a", 200, 300],
      ["b", 400],
    ]);
  });

  it("send their texts by themselves, with the recorded length and the names of the blocks", () => {
    const [
      {
        turns: [turn],
      } = expect.fail("no row"),
    ] = rowsOf(basetenTraceFormat, [row(0, "a", { total_hashes: [5, "9007199254740993"], block_size: 64 })]);
    expect(turn).to.deep.include({
      messages: [{ role: "user", content: "prompt 0" }],
      maxOutputTokens: 8,
      isSelfContained: true,
      extraInputs: { min_tokens: 8, hash_ids: [5, 9007199254740992], block_size: 64 },
    });
  });

  it("leave out of the bodies what somebody does not want there", () => {
    const rows = [row(0, "a", { total_hashes: [5], block_size: 64, output_tokens: 0 })];
    const extraOf = (trace: TraceOptions) => rowsOf(basetenTraceFormat, rows, trace)[0]?.turns[0].extraInputs;
    expect(extraOf({ omitsKvHints: true })).to.deep.equal({ min_tokens: 1 });
    expect(extraOf({ omitsKvHints: true, forcesMinTokens: false })).to.equal(undefined);
    expect(extraOf({ forcesMinTokens: false })).to.deep.equal({ hash_ids: [5], block_size: 64 });
  });

  it("wait for the answer before and the recorded pause in a closed loop", () => {
    const rows = [row(0, "a", { duration_e2e_ms: 30 }), row(100, "a", { duration_e2e_ms: 500 }), row(300, "a")];
    expect(told(rowsOf(basetenTraceFormat, rows, { isOpenLoop: false }))).to.deep.equal([["a", 0, "+70", "+0"]]);
  });

  it("are sessions by themselves in a strict open loop", () => {
    expect(told(rowsOf(basetenTraceFormat, [row(0, "a"), row(5, "a")], { isStrict: true }))).to.deep.equal([
      [undefined, 0],
      [undefined, 5],
    ]);
  });

  it("have the derived sessions where nobody provided any", () => {
    const rows = [row(0, null, { poor_man_session_id: 7 }), row(5, null, { poor_man_session_id: 7 })];
    expect(told(rowsOf(basetenTraceFormat, rows))).to.deep.equal([["7", 0, 5]]);
  });

  it("keep a share of whole sessions, the same for the same seed, at least one", () => {
    const rows = Array.from({ length: 400 }, (_, index) => row(index, `s${index % 100}`));
    const kept = (seed: number, sessionShare: number) => rowsOf(basetenTraceFormat, rows, { sessionShare }, seed);
    expect(kept(1, 0.3).length).to.be.within(15, 45);
    for (const { turns } of kept(1, 0.3)) expect(turns).to.have.length(4);
    expect(kept(1, 0.3)).to.deep.equal(kept(1, 0.3));
    expect(kept(1, 0.3)).to.not.deep.equal(kept(2, 0.3));
    expect(kept(1, 1e-9)).to.have.length(1);
  });

  const wrong: readonly (readonly [more: object, problem: string])[] = [
    [{ timestamp_start_unix_ms: -5 }, "timestamp_start_unix_ms: expected milliseconds since 1970, got -5"],
    [{ prompt: 7 }, "prompt: expected a text that is not empty, got 7"],
    [{ input_tokens: "x" }, "input_tokens: expected a whole number from 0"],
    [{ output_tokens: undefined }, "output_tokens: expected a whole number, got nothing"],
    [{ output_tokens: -1 }, "output_tokens: expected a whole number from 0"],
    [{ duration_e2e_ms: -1 }, "duration_e2e_ms: expected a whole number from 0, got -1"],
    [{ block_size: 0 }, "block_size: expected a whole number from 1, got 0"],
    [{ total_hashes: [1, "x"] }, "total_hashes: expected a list of whole numbers from 0"],
  ];
  for (const [more, problem] of wrong) {
    it(`are refused: ${JSON.stringify(more)}`, () => {
      expect(problemOf(basetenTraceFormat, row(0, "a", more))).to.contain(problem);
    });
  }
});

describe("times of a trace", () => {
  const rows = [
    { input_length: 4, session_id: "s", timestamp: 5 },
    { input_length: 4, session_id: "s", delay: 3000 },
  ];

  it("can be left out", () => {
    const file = loadedRows(rows, { trace: { ignoresDelays: true } });
    expect(file.timestampsMs).to.equal(undefined);
    expect(file.delaysMs).to.equal(undefined);
  });

  it("have pauses of a longest length where somebody says one, and those that were cut are counted", () => {
    const file = loadedRows(rows, { trace: { maxDelayMs: 1000 } });
    expect([...(file.delaysMs ?? [])]).to.deep.equal([0, 1000]);
    expect(file.cutDelays).to.equal(1);
    const found = lookUpTurn(fileDataset(file, { seed: 1, outputTokens: undefined, prompts: { text: () => "made" } }), 0, 1);
    expect("turn" in found && found.turn).to.deep.include({ delayMs: 1000, inputTokens: 4 });
    expect("turn" in found && found.turn.messages).to.deep.equal([{ role: "user", content: "made" }]);
  });
});
