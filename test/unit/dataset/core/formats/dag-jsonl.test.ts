import { expect } from "chai";
import type { BranchingConversation } from "../../../../../services/common/session-branches.ts";
import type { FileLoadOptions, LoadedFile } from "../../../../../services/dataset/core/file-load.ts";
import { dagJsonlFormat } from "../../../../../services/dataset/core/formats/dag-jsonl.ts";
import { loadingOf, problemOf } from "../loading.ts";

const user = (content: string) => ({ role: "user", content });
const turn = (fields: object = {}) => ({ messages: [user("hi")], ...fields });
const row = (sessionId: string, ...turns: object[]) => ({ session_id: sessionId, turns });

function loaded(rows: readonly object[], changes: Partial<FileLoadOptions> = {}): LoadedFile {
  const { push, end } = loadingOf(changes);
  push(Buffer.from(rows.map((each) => `${JSON.stringify(each)}\n`).join("")));
  return end();
}

/** What is wrong with a file, with its place. */
function mistake(...rows: readonly object[]): string {
  try {
    loaded(rows);
  } catch (error) {
    return (error as Error).message.replace("/data/p.jsonl, ", "");
  }
  return expect.fail("the file was taken");
}

const branchesOf = (file: LoadedFile) =>
  file.branching.flatMap(({ conversation, branches }: BranchingConversation) =>
    branches.map(({ mode, afterTurn, children, joinAt }) => [conversation, mode, afterTurn, children.join(), joinAt]),
  );

describe("dag_jsonl", () => {
  it("is known by messages, forks or spawns of its turns, or by an orchestrator", () => {
    for (const one of [row("a", turn()), row("a", { forks: ["b"] }), row("a", { spawns: [] }), { orchestrator: true }]) {
      expect(dagJsonlFormat.recognizes(one, { file: "", isInFolder: false, container: "jsonl", index: 0 })).to.equal(true);
    }
    expect(loaded([row("a", turn())]).format).to.equal("dag_jsonl");
  });

  it("names what each turn begins and which turn waits for it, by conversation", () => {
    const file = loaded([
      {
        ...row("root", turn({ spawns: ["a", { children: ["b"], join_at: 2 }] }), turn(), turn({ forks: ["c"] })),
        pre_session_spawns: ["d"],
      },
      ...["a", "b", "c", "d"].map((name) => row(name, turn())),
    ]);
    expect(file.conversations.size).to.equal(5);
    expect(branchesOf(file)).to.deep.equal([
      [0, "spawn", -1, "4", undefined],
      [0, "spawn", 0, "1", 1],
      [0, "spawn", 0, "2", 2],
      [0, "fork", 2, "3", undefined],
    ]);
  });

  it("lets a session go on beside a fork in the background, and nobody wait for what its last turn spawns", () => {
    const file = loaded([
      row("root", turn({ forks: [{ child: "a", background: true }] }), turn({ spawns: ["b"] })),
      row("a", turn()),
      row("b", turn()),
    ]);
    expect(branchesOf(file)).to.deep.equal([
      [0, "fork", 0, "1", undefined],
      [0, "spawn", 1, "2", undefined],
    ]);
  });

  it("makes turns that send nothing of an orchestrator, one more than it has rounds", () => {
    const file = loaded([
      {
        session_id: "s",
        orchestrator: true,
        spawns: ["a"],
        rounds: 2,
        think_time_ms: 40,
        think_time_sigma: 0.5,
        think_time_max_ms: 90,
      },
      row("a", turn()),
    ]);
    expect(file.branching[0]).to.deep.include({ isSilent: true, spread: { sigma: 0.5, minMs: undefined, maxMs: 90 } });
    expect(branchesOf(file)).to.deep.equal([
      [0, "spawn", 0, "1", 1],
      [0, "spawn", 1, "1", 2],
    ]);
    expect([...(file.delaysMs ?? [])]).to.deep.equal([40, 40, 0, 0]);
    const once = loaded([{ session_id: "s", orchestrator: true, spawns: ["a"] }, row("a", turn())]);
    expect([branchesOf(once), once.turns.size]).to.deep.equal([[[0, "spawn", 0, "1", undefined]], 2]);
  });

  it("takes rounds with sessions and waits of their own", () => {
    const rounds = [{ spawns: ["a"] }, { spawns: ["b", "c"], think_time_ms: 7 }];
    const file = loaded([
      { session_id: "s", orchestrator: true, rounds, think_time_ms: 3 },
      ...["a", "b", "c"].map((name) => row(name, turn())),
    ]);
    expect(branchesOf(file)).to.deep.equal([
      [0, "spawn", 0, "1", 1],
      [0, "spawn", 1, "2,3", 2],
    ]);
    expect([...(file.delaysMs ?? [])].slice(0, 3)).to.deep.equal([3, 7, 0]);
  });

  it("lets a session that another begins wait before its first turn, and none that is drawn", () => {
    const file = loaded([row("root", turn({ spawns: ["a"], delay: 9 })), row("a", turn({ delay: 5 }))]);
    expect([...(file.delaysMs ?? [])]).to.deep.equal([0, 5]);
    expect(file.notes.join()).to.contain("has no effect");
  });

  it("keeps the first sessions that are drawn, and all that these begin", () => {
    const rows = [row("a", turn()), row("root", turn({ spawns: ["a"] })), row("left", turn({ spawns: ["b"] })), row("b", turn())];
    const file = loaded(rows, { maxConversations: 1 });
    expect([file.conversations.size, branchesOf(file)]).to.deep.equal([2, [[1, "spawn", 0, "0", undefined]]]);
  });

  it("may spawn a session from several places", () => {
    const file = loaded([row("x", turn({ spawns: ["a"] })), row("y", turn({ spawns: ["a"] })), row("a", turn())]);
    expect(branchesOf(file)).to.have.length(2);
  });

  it("sends turns of a context mode as it says", () => {
    const { value } = { value: loaded([{ ...row("a", turn(), turn()), context_mode: "message_array_with_responses" }]) };
    expect(value.turns.size).to.equal(2);
  });

  for (const [title, fields, problem] of [
    ["a field that there is not", { turn: "x" }, /^turn: there is no such field.*turns/],
    ["another type", { type: "multi_turn" }, 'type: expected "dag_jsonl", got "multi_turn"'],
    ["no name", { session_id: "" }, 'session_id: expected a text that is not empty, got ""'],
    ["an orchestrator that is no truth", { orchestrator: 1 }, "orchestrator: expected true or false, got 1"],
    ["an unknown mode", { context_mode: "x" }, /^context_mode: expected deltas_without_responses/],
    ["no turns", { turns: [] }, "turns: expected a list of turns that is not empty, got []"],
    ["rounds of a session that sends", { rounds: 2 }, "rounds: only a row with orchestrator: true has this field"],
    ["spawns of the row", { spawns: ["a"] }, "spawns: only a row with orchestrator: true has this field"],
    ["sessions before it that are none", { pre_session_spawns: "a" }, /^pre_session_spawns\/pre_session_spawns: expected a list/],
    ["sessions before it twice", { pre_session_spawns: ["a", "a"] }, /pre_session_spawns\[1\]: a is named twice/],
    ["a turn that is none", { turns: [7] }, "turns/turns[0]: expected an object, got 7"],
    ["a field of a turn that there is not", { turns: [turn({ max_token: 1 })] }, /turns\[0\].max_token: there is no such field/],
    ["a length that is none", { turns: [turn({ max_tokens: true })] }, /turns\[0\].max_tokens: expected a whole number from 1/],
    ["tools that are none", { turns: [turn({ tools: [1] })] }, /turns\[0\].tools: expected a list of objects/],
    ["a model that is none", { turns: [turn({ model: 3 })] }, /turns\[0\].model: expected a text/],
    ["an extra that is none", { turns: [turn({ extra: [] })] }, /turns\[0\].extra: expected an object/],
    ["a pause that is none", { turns: [turn({ delay: -1 })] }, /turns\[0\].delay: expected milliseconds from 0/],
    ["no messages", { turns: [{ forks: ["a"] }] }, /turns\[0\].messages: expected a list of messages/],
    ["a message without a role", { turns: [{ messages: [{}] }] }, /turns\[0\].messages\[0\]: expected an object with a role/],
    ["half a character", { turns: [{ messages: [user("\ud800")] }] }, /messages\[0\]: half of a surrogate pair/],
    [
      "a system message later on",
      { turns: [turn(), { messages: [{ role: "system", content: "s" }] }] },
      /turns\[1\].messages\[0\]: a system message has to be in the first turn/,
    ],
    [
      "a system message in the midst of a turn that is sent alone",
      { context_mode: "message_array_with_responses", turns: [{ messages: [user("a"), { role: "system", content: "s" }] }] },
      /turns\[0\].messages\[1\]: a system message has to be the first message/,
    ],
    ["forks that are no list", { turns: [turn({ forks: "a" })] }, /turns\[0\].forks: expected a list/],
    ["a fork that is none", { turns: [turn({ forks: [{}] })] }, /turns\[0\].forks\[0\]: expected a session/],
    ["a field of a fork", { turns: [turn({ forks: [{ child: "a", x: 1 }] })] }, /forks\[0\].x: there is no such field/],
    [
      "a background",
      { turns: [turn({ forks: [{ child: "a", background: 1 }] })] },
      /forks\[0\].background: expected true or false/,
    ],
    ["a fork twice", { turns: [turn({ forks: ["a", { child: "a" }] })] }, /forks\[1\]: a is forked twice/],
    ["a fork in the midst", { turns: [turn({ forks: ["a"] }), turn()] }, /forks\[0\]: a is forked before the last turn/],
    ["a spawn that is none", { turns: [turn({ spawns: [3] })] }, /turns\[0\].spawns\[0\]: expected a session/],
    ["a spawn twice", { turns: [turn({ spawns: ["a", { children: ["a"] }] })] }, /spawns\[1\]: a is spawned twice/],
    ["a spawn of nobody", { turns: [turn({ spawns: [{ children: [] }] })] }, /spawns\[0\].children: expected at least one/],
    ["a field of a spawn", { turns: [turn({ spawns: [{ children: ["a"], at: 1 }] })] }, /spawns\[0\].at: there is no such field/],
    [
      "a join before its spawn",
      { turns: [turn(), turn({ spawns: [{ children: ["a"], join_at: 1 }] }), turn()] },
      /turns\[1\].spawns\[0\].join_at: expected a turn from 2 to 2, got 1/,
    ],
    [
      "a join after the last turn",
      { turns: [turn({ spawns: [{ children: ["a"], join_at: 1 }] })] },
      /join_at: expected no turn, there is none after this one, got 1/,
    ],
  ] as const) {
    it(`refuses ${title}`, () => {
      const text = problemOf(dagJsonlFormat, { ...row("root", turn()), ...fields });
      if (typeof problem === "string") expect(text).to.equal(problem);
      else expect(text).to.match(problem);
    });
  }

  for (const [title, fields, problem] of [
    ["turns", { turns: [turn()] }, /^turns: an orchestrator has none/],
    ["sessions before it", { pre_session_spawns: ["a"] }, /^pre_session_spawns: an orchestrator has spawns/],
    ["no spawns", { spawns: [] }, "spawns: expected at least one session, got []"],
    ["spawns that are none", { spawns: undefined }, /^spawns\/spawns: expected a list of sessions/],
    ["no rounds", { rounds: 0 }, /^rounds: expected a whole number from 1/],
    ["an empty list of rounds", { spawns: undefined, rounds: [] }, /^rounds: expected at least one round/],
    ["spawns beside those of rounds", { rounds: [{ spawns: ["a"] }] }, /^spawns: each of the rounds has its own/],
    ["a round that is none", { spawns: undefined, rounds: [1] }, /rounds\[0\]: expected an object/],
    ["a round of nobody", { spawns: undefined, rounds: [{ spawns: [] }] }, /rounds\[0\].spawns: expected at least one/],
    ["a field of a round", { spawns: undefined, rounds: [{ spawns: ["a"], x: 1 }] }, /rounds\[0\].x: there is no such field/],
    ["a wait of a round", { spawns: undefined, rounds: [{ spawns: ["a"], think_time_ms: true }] }, /rounds\[0\].think_time_ms/],
    [
      "a session in two rounds",
      { spawns: undefined, rounds: [{ spawns: ["a"] }, { spawns: ["a"] }] },
      /rounds\[1\].spawns: a is spawned by an earlier round/,
    ],
    ["a wait without rounds", { think_time_ms: 5 }, /^think_time_ms: needs rounds/],
    ["a wait that is none", { rounds: 1, think_time_ms: false }, /^think_time_ms: expected milliseconds/],
    ["a spread without a median", { rounds: 1, think_time_sigma: 1 }, /^think_time_sigma: needs think_time_ms/],
    [
      "a spread that is none",
      { rounds: 1, think_time_ms: 1, think_time_sigma: 0 },
      /^think_time_sigma: expected a number above 0/,
    ],
    [
      "a bound without a spread",
      { rounds: 1, think_time_ms: 1, think_time_max_ms: 2 },
      /^think_time_max_ms: needs think_time_sigma/,
    ],
    [
      "bounds that cross",
      { rounds: 1, think_time_ms: 1, think_time_sigma: 1, think_time_min_ms: 3, think_time_max_ms: 2 },
      /^think_time_min_ms: expected at most think_time_max_ms, 2, got 3/,
    ],
  ] as const) {
    it(`refuses an orchestrator with ${title}`, () => {
      const text = problemOf(dagJsonlFormat, { session_id: "s", orchestrator: true, spawns: ["a"], ...fields });
      if (typeof problem === "string") expect(text).to.equal(problem);
      else expect(text).to.match(problem);
    });
  }

  it("refuses what rows say of each other at its line and column", () => {
    expect(mistake(row("a", turn()), row("a", turn()))).to.equal("line 2, column 2: session_id: a is the name of an earlier row");
    expect(mistake(row("a", turn({ spawns: ["b"] })))).to.equal("line 1, column 19: turns[0].spawns: there is no session b");
    expect(mistake(row("b", turn()), row("a", turn(), turn({ forks: ["c"] })))).to.match(
      /^line 2, column 19: turns\[1\].forks: there is no session c/,
    );
    expect(mistake({ ...row("a", turn()), pre_session_spawns: ["b"] })).to.match(
      /^line 1, column \d+: pre_session_spawns: there is no/,
    );
    expect(mistake({ session_id: "s", orchestrator: true, spawns: ["b"] })).to.match(
      /^line 1, column 39: spawns: there is no session b/,
    );
  });

  it("refuses a fork of two sessions, of one that says nothing, and of one that leaves out what was said", () => {
    const forked = row("c", turn());
    expect(mistake(row("a", turn({ forks: ["c"] })), row("b", turn({ forks: ["c"] })), forked)).to.match(
      /^line 2, column 19: turns\[0\].forks: c is forked by a after turn 0, too/,
    );
    const alone = { ...forked, context_mode: "message_array_with_responses" };
    expect(mistake(row("a", turn({ forks: ["c"] })), alone)).to.contain("c has the context_mode");
    expect(
      mistake(row("a", turn({ forks: ["c"] })), { session_id: "c", orchestrator: true, spawns: ["d"] }, row("d", turn())),
    ).to.contain("c is an orchestrator");
    expect(mistake({ ...row("b", turn()), pre_session_spawns: ["c"] }, row("a", turn({ forks: ["c"] })), forked)).to.contain(
      "c is forked by a, too",
    );
  });

  it("refuses a system message of a fork, and takes that of a spawn", () => {
    const child = row("c", { messages: [{ role: "system", content: "s" }] });
    expect(mistake(row("a", turn({ forks: ["c"] })), child)).to.match(
      /^line 2, column 19: turns\[0\].messages: a system message/,
    );
    expect(loaded([row("a", turn({ spawns: ["c"] })), child]).usedRows).to.equal(2);
  });

  it("refuses sessions that begin each other in a circle, and names them", () => {
    expect(mistake(row("a", turn({ spawns: ["a"] })))).to.contain("in a circle: a → a");
    const circle = [row("r", turn({ spawns: ["a"] })), row("a", turn({ spawns: ["b"] })), row("b", turn({ spawns: ["a"] }))];
    expect(mistake(...circle)).to.equal("line 3, column 19: turns: sessions begin each other in a circle: a → b → a");
    const shared = [row("r", turn({ spawns: ["a", "b"] })), row("a", turn({ spawns: ["b"] })), row("b", turn())];
    expect(loaded(shared).usedRows).to.equal(3);
  });

  it("leaves out whatever cannot be played without a row that is left out, and counts it", () => {
    const rows = [row("a", turn({ spawns: ["b"] })), row("b", turn({ spawns: ["nobody"] })), row("c", turn())];
    const file = loaded(rows, { isSkipping: true });
    expect([file.usedRows, file.skippedRows, file.conversations.size]).to.deep.equal([1, 2, 1]);
    expect(file.firstSkipped[0]).to.contain("there is no session nobody");
  });
});
