import { expect } from "chai";
import { unpackDelaysNs } from "../../../../services/common/turn-delays.ts";
import { unpackTimestampsUs } from "../../../../services/common/turn-timestamps.ts";
import { fileDataset, summarizeFile } from "../../../../services/dataset/core/file-dataset.ts";
import { lookUpTurn } from "../../../../services/dataset/core/turns.ts";
import { loadingOf } from "./loading.ts";

function loaded(...rows: readonly unknown[]) {
  const load = loadingOf();
  load.push(Buffer.from(rows.map((row) => JSON.stringify(row)).join("\n")));
  return load.end();
}

const file = loaded({ text: "a", output_length: 30 }, { text: "b", model: "m", extra: { x: 1 }, session_id: "s" }, { text: "c" });

describe("a file as a dataset", () => {
  const plain = { inputTokens: undefined, maxOutputTokens: undefined, delayMs: 0 };

  it("has a conversation of one turn for each row", () => {
    const dataset = fileDataset(file, { seed: 1, outputTokens: undefined });
    expect(dataset.size).to.equal(3);
    expect(lookUpTurn(dataset, 0, 0)).to.deep.equal({
      turn: { ...plain, maxOutputTokens: 30, messages: [{ role: "user", content: "a" }] },
    });
    expect(lookUpTurn(dataset, 1, 0)).to.deep.equal({
      turn: { ...plain, messages: [{ role: "user", content: "b" }], model: "m", extraInputs: { x: 1 }, conversationId: "s" },
    });
    expect(lookUpTurn(dataset, 1, 1)).to.deep.equal({ missing: "conversation 1 has 1 turns, asked for turn 1" });
    expect(lookUpTurn(dataset, 3, 0)).to.have.property("missing");
  });

  it("asks for a drawn output length where a row names none, the same for the same seed", () => {
    const lengths = (seed: number) => {
      const dataset = fileDataset(file, { seed, outputTokens: { mean: 100, stddev: 20 } });
      return [0, 1, 2].map((conversation) => dataset.plan(conversation)[0]?.maxOutputTokens);
    };
    expect(lengths(1)[0]).to.equal(30);
    expect(lengths(1)).to.deep.equal(lengths(1));
    expect(lengths(1)).to.not.deep.equal(lengths(2));
    for (const length of lengths(1).slice(1)) expect(length).to.be.within(1, 200);
  });

  const sessions = loaded(
    { text: "a", session_id: "s" },
    { text: "b" },
    { text: "c", session_id: "s", delay: 20, output_length: 5 },
    { text: "d", session_id: "s", delay: 0.5 },
  );

  it("plays the rows of a session as turns that need nothing of what was said before", () => {
    const dataset = fileDataset(sessions, { seed: 1, outputTokens: undefined, turnDelayRatio: 2 });
    expect(dataset.size).to.equal(2);
    expect(dataset.plan(0).map(({ delayMs }) => delayMs)).to.deep.equal([0, 40, 1]);
    const turns = [0, 1, 2].map((turn) => lookUpTurn(dataset, 0, turn));
    expect(turns.map((found) => "turn" in found && found.turn.messages[0]?.content)).to.deep.equal(["a", "c", "d"]);
    expect(turns.map((found) => "turn" in found && found.turn.isSelfContained)).to.deep.equal([true, true, true]);
    expect(lookUpTurn(dataset, 1, 0)).to.deep.equal({ turn: { ...plain, messages: [{ role: "user", content: "b" }] } });
    const summary = summarizeFile(sessions, { seed: 1, outputTokens: undefined, turnDelayRatio: 2 });
    expect(summary).to.deep.include({ conversations: 2, turns: 4, turnsEach: undefined, turnCounts: Uint32Array.of(3, 1) });
    expect([...unpackDelaysNs(summary.turnDelays, 4)]).to.deep.equal([0, 40e6, 1e6, 0]);
  });

  it("gives each turn the same length in whatever order turns are asked for", () => {
    const count = 40;
    const rows = Array.from({ length: 3 * count }, (_, row) => ({ text: "a", session_id: `s${row % 3}` }));
    const fresh = () => fileDataset(loaded(...rows), { seed: 1, outputTokens: { mean: 100, stddev: 20 } });
    const all = Array.from({ length: rows.length }, (_, row) => ({ conversation: row % 3, turn: Math.floor(row / 3) }));
    const lengthOf = (dataset: ReturnType<typeof fresh>, { conversation, turn }: (typeof all)[number]) => {
      const found = lookUpTurn(dataset, conversation, turn);
      return "turn" in found ? found.turn.maxOutputTokens : undefined;
    };
    const planned = fresh();
    const expected = all.map(({ conversation, turn }) => planned.plan(conversation)[turn]?.maxOutputTokens);
    const dataset = fresh();
    expect(all.map((at) => lengthOf(dataset, at))).to.deep.equal(expected);
    expect(all.toReversed().map((at) => lengthOf(dataset, at))).to.deep.equal(expected.toReversed());
    expect(new Set(expected).size).to.be.greaterThan(10);
  });

  it("reads one row for a turn, however long its conversation is", () => {
    const whole = loaded(...Array.from({ length: 100 }, (_, turn) => ({ text: `${turn}`, session_id: "s" })));
    let reads = 0;
    const arenas = {
      at(index: number) {
        reads++;
        return whole.turns.arenas.at(index);
      },
    };
    const dataset = fileDataset({ ...whole, turns: { ...whole.turns, arenas } }, { seed: 1, outputTokens: undefined });
    for (const turn of [99, 3, 50]) expect(lookUpTurn(dataset, 0, turn)).to.have.nested.property("turn.messages");
    expect(reads).to.equal(3);
  });

  it("plays conversations of several turns, each with what was said before, and draws lengths for each turn", () => {
    const chats = loaded({ turns: [{ text: "a" }, { text: "b", output_length: 9 }, { text: "c" }] });
    const dataset = fileDataset(chats, { seed: 1, outputTokens: { mean: 100, stddev: 20 } });
    expect(lookUpTurn(dataset, 0, 1)).to.not.have.nested.property("turn.isSelfContained");
    const [first, second, third] = dataset.plan(0).map(({ maxOutputTokens }) => maxOutputTokens);
    expect([second, first === third]).to.deep.equal([9, false]);
    expect(summarizeFile(chats, { seed: 1, outputTokens: undefined }).turnsEach).to.equal(3);
  });

  it("tells the moments that its rows name, and how many conversations begin with one", () => {
    const timed = loaded(
      { text: "a", session_id: "s", timestamp: 500 },
      { text: "b" },
      { text: "c", session_id: "s", timestamp: 900.5 },
      { text: "d", timestamp: 20 },
    );
    const dataset = fileDataset(timed, { seed: 1, outputTokens: undefined });
    expect(lookUpTurn(dataset, 0, 1)).to.have.nested.property("turn.timestampMs", 900.5);
    expect(lookUpTurn(dataset, 1, 0)).to.not.have.nested.property("turn.timestampMs");
    const { schedule } = summarizeFile(timed, { seed: 1, outputTokens: undefined });
    expect(schedule).to.deep.include({ isBegun: true, firstTurnsMs: Float64Array.of(500, 20) });
    const times = unpackTimestampsUs(schedule?.turnTimestamps ?? new Uint8Array(0), 4);
    expect([...times]).to.deep.equal([500e3, 900.5e3, Number.NaN, 20e3]);
    const late = loaded({ text: "a" }, { text: "b", timestamp: 0 });
    const begun = summarizeFile(late, { seed: 1, outputTokens: undefined }).schedule;
    expect(begun).to.deep.include({ isBegun: false, firstTurnsMs: Float64Array.of(0) });
  });

  it("counts children apart, whose parents begin them whatever their timestamps", () => {
    const timed = loaded({ text: "root", timestamp: 5 }, { text: "child", timestamp: 7 }, { text: "root", timestamp: 9 });
    const branches = [{ mode: "spawn", afterTurn: 0, children: [1], joinAt: undefined }] as const;
    const tree = { ...timed, branching: [{ conversation: 0, isSilent: false, branches }] };
    const { conversations, rootConversations, rootTurns, schedule } = summarizeFile(tree, { seed: 1, outputTokens: undefined });
    expect([conversations, rootConversations, rootTurns]).to.deep.equal([3, 2, 2]);
    expect(schedule?.firstTurnsMs).to.deep.equal(Float64Array.of(5, 9));
  });

  it("is summed up without reading its rows again", () => {
    const empty = { ...file, turns: { ...file.turns, arenas: [] } };
    const none = { turnCounts: new Uint32Array(0), turnDelays: new Uint8Array(0), weights: undefined, schedule: undefined };
    const equal = {
      conversations: 3,
      rootConversations: 3,
      turns: 3,
      rootTurns: 3,
      turnsEach: 1,
      ...none,
      meanInputTokens: undefined,
    };
    const summary = (outputTokens: { mean: number; stddev: number } | undefined) =>
      summarizeFile(empty, { seed: 1, outputTokens });
    expect(summary(undefined)).to.deep.equal({ ...equal, meanOutputTokens: 30 });
    expect(summary({ mean: 60, stddev: 5 })).to.deep.equal({ ...equal, meanOutputTokens: 50 });
    expect(summarizeFile(loaded({ text: "a" }), { seed: 1, outputTokens: undefined }).meanOutputTokens).to.equal(undefined);
  });
});
