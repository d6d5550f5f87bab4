import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type RecordedRequest, startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

interface Row {
  readonly conversation: number;
  readonly turn: number;
  readonly due_ns: number;
  readonly sent_ns: number;
}

interface Message {
  readonly role: string;
  readonly content: string;
}

describe("sessions of several turns", function () {
  this.timeout(6 * endsWithinMs);
  const test = useStages();

  test("send what was said before with every turn, under one session id, after a think time", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    try {
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "4", "--workers-max", "2"],
        ...["--request-count", "18", "--conversation-turn-mean", "3", "--num-dataset-entries", "6", "--isl", "20"],
        ...["--conversation-turn-delay-mean", "240", "--conversation-turn-delay-ratio", "0.5", "--tokenizer", "o200k_base"],
        ...["--extra-inputs", '{"stream_options":{"include_usage":false}}'],
        ...["--no-gpu-telemetry", "--no-probe", "--artifact-dir", "out", "--json"],
      ]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);

      const sessions = Map.groupBy(server.requests, ({ headers }) => headers["x-correlation-id"]);
      for (const turns of sessions.values()) expectSession(turns);
      // The last ones begun may be cut off by the count.
      expect([...sessions.values()].filter(({ length }) => length === 3).length).to.be.at.least(4);
      expect(server.requests).to.have.lengthOf(18);
      const [phase] = JSON.parse(stdout).phases;
      expect(phase.identity).to.include({ succeeded: 18, errored: 0 });
      // 20 tokens a question; an answer is one token, and so is the line break between two of them.
      expect(phase.metrics.input_sequence_length).to.include({ min: 20, max: 63, count: 18 });
    } finally {
      await server.close();
    }
  });

  test("come from a file, with what was said before or without, as its format says", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    const play = async (name: string, rows: readonly object[], ...args: readonly string[]): Promise<RecordedRequest[][]> => {
      writeFileSync(join(stage.folder, name), rows.map((row) => JSON.stringify(row)).join("\n"));
      const from = server.requests.length;
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "1", "--workers-max", "1", "--no-probe"],
        ...["--input-file", name, "--no-gpu-telemetry", "--artifact-dir", name.slice(0, 4), ...args],
      ]);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      return [...Map.groupBy(server.requests.slice(from), ({ headers }) => headers["x-correlation-id"]).values()];
    };
    const textsOf = (session: readonly RecordedRequest[] = []): string[] =>
      session.map(({ body }) => (body.messages as readonly Message[]).map(({ content }) => content).join("|"));
    try {
      const chats = await play(
        "chat.jsonl",
        [
          { session_id: "s", turns: [{ role: "system", text: "sys" }, { text: "a" }, { text: "b", delay: 200 }] },
          { session_id: "t", turns: [{ text: "c" }] },
        ],
        ...["--request-count", "3"],
      );
      expect(chats.map(textsOf)).to.deep.equal([["sys|a", "sys|a|because|b"], ["c"]]);
      const [first, second] = chats[0] ?? [];
      expect((second?.receivedMs ?? 0) - (first?.answeredMs ?? 0)).to.be.at.least(199);
      const rows = [{ text: "a", session_id: "s" }, { text: "c" }, { text: "b", session_id: "s", delay: 9e6 }];
      const singles = await play("rows.jsonl", rows, "--request-count", "3", "--conversation-turn-delay-ratio", "0");
      expect(singles.map(textsOf)).to.deep.equal([["a", "b"], ["c"]]);
    } finally {
      await server.close();
    }
  });

  test("repeat the tool calls of an answer, and answer each by its id", async (stage) => {
    const server = await startRecordingServer(["be", "cause"], undefined, ["weather", "time"]);
    try {
      const turns = [{ text: "How is it?" }, { role: "tool", texts: ["sunny"] }, { text: "And there?" }];
      writeFileSync(join(stage.folder, "chat.jsonl"), JSON.stringify({ session_id: "s", turns }));
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "1", "--workers-max", "1", "--no-probe"],
        ...["--input-file", "chat.jsonl", "--request-count", "3", "--no-gpu-telemetry", "--artifact-dir", "out"],
      ]);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const [, second, third] = server.requests.map(({ body }) => body.messages);
      const call = (nth: number, name: string) => ({
        id: `call-1-${nth}`,
        type: "function",
        function: { name, arguments: `{"of":"${name}"}` },
      });
      const answered = [
        { role: "user", content: "How is it?" },
        { role: "assistant", content: null, tool_calls: [call(0, "weather"), call(1, "time")] },
        { role: "tool", tool_call_id: "call-1-0", content: "sunny" },
      ];
      expect(second).to.deep.equal(answered);
      expect(third).to.deep.equal([
        ...answered,
        { role: "assistant", content: "because" },
        { role: "user", content: "And there?" },
      ]);
    } finally {
      await server.close();
    }
  });

  test("are drawn as often as their weights say", async (stage) => {
    const server = await startRecordingServer(["be"]);
    try {
      const rows = Object.entries({ rare: 1, some: 3, most: 6 }).map(([text, weight]) => JSON.stringify({ text, weight }));
      writeFileSync(join(stage.folder, "rows.jsonl"), rows.join("\n"));
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "8", "--workers-max", "1", "--no-probe"],
        ...["--input-file", "rows.jsonl", "--dataset-sampling-strategy", "weighted", "--request-count", "400"],
        ...["--random-seed", "1", "--no-gpu-telemetry", "--artifact-dir", "out"],
      ]);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const sent = Map.groupBy(server.requests, ({ body }) => (body.messages as readonly Message[])[0]?.content);
      expect(server.requests).to.have.lengthOf(400);
      // Three standard deviations of 400 draws: the seed is always the same.
      for (const [text, share] of [
        ["rare", 0.1],
        ["some", 0.3],
        ["most", 0.6],
      ] as const) {
        const expected = 400 * share;
        expect(sent.get(text)?.length, text).to.be.closeTo(expected, 3 * Math.sqrt(expected * (1 - share)));
      }
    } finally {
      await server.close();
    }
  });

  test("follow the times of a file: every row once, and no turn before its answer", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    const from = 1_700_000_000_000;
    const turn = (text: string, atMs: number): object => ({ text, timestamp: from + atMs });
    const file = [
      { session_id: "s", turns: [turn("a1", 400), turn("a2", 1000), turn("a3", 1001)] },
      { session_id: "t", turns: [turn("b1", 0), { text: "b2", delay: 300 }] },
      { session_id: "u", turns: [turn("c1", 800)] },
      { session_id: "v", turns: [turn("late", 9000)] },
    ];
    writeFileSync(join(stage.folder, "trace.jsonl"), file.map((row) => JSON.stringify(row)).join("\n"));
    const play = async (...args: readonly string[]) => {
      const begun = server.requests.length;
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--workers-max", "2", "--no-probe", "--json"],
        ...["--input-file", "trace.jsonl", "--no-gpu-telemetry", "--artifact-dir", `out-${begun}`, ...args],
      ]);
      const { code, stdout, stderr } = await command.exit();
      const requests = server.requests.slice(begun);
      const texts = requests.map(({ body }) => (body.messages as readonly Message[]).at(-1)?.content ?? "");
      return { code, stderr, requests, texts, phase: code === 0 ? JSON.parse(stdout).phases[0] : undefined };
    };
    try {
      const asked = await play(
        "--fixed-schedule",
        "--fixed-schedule-start-offset",
        `${from}`,
        "--fixed-schedule-end-offset",
        `${from + 2000}`,
      );
      expect(asked.code, asked.stderr).to.equal(0);
      expect(asked.texts.toSorted()).to.deep.equal(["a1", "a2", "a3", "b1", "b2", "c1"]);
      expect(asked.phase.identity).to.include({ drawn: 6, succeeded: 6, unused: 0, dropped: 0 });
      expect(asked.phase.metrics.lateness.count).to.equal(6);
      const db = new Database(join(stage.folder, "out-0", "run.db"), { readonly: true });
      const rows = db.prepare("SELECT conversation, turn, due_ns, sent_ns FROM requests").all() as readonly Row[];
      db.close();
      const dueMs = (conversation: number, turn: number): number => {
        const row = rows.find((found) => found.conversation === conversation && found.turn === turn);
        const first = rows.find((found) => found.conversation === 1 && found.turn === 0);
        return ((row?.due_ns ?? Number.NaN) - (first?.due_ns ?? Number.NaN)) / 1e6;
      };
      expect(dueMs(0, 0)).to.be.closeTo(400, 0.01);
      expect(dueMs(2, 0)).to.be.closeTo(800, 0.01);
      expect(dueMs(0, 1)).to.be.at.least(999.9);
      expect(dueMs(1, 1)).to.be.at.least(300);
      for (const { due_ns: dueNs, sent_ns: sentNs } of rows) expect(sentNs).to.be.at.least(dueNs);
      const [a2, a3] = ["a2", "a3"].map((text) =>
        asked.requests.find(({ body }) => JSON.stringify(body).includes(`"${text}"}]`)),
      );
      expect(a3?.receivedMs).to.be.at.least(a2?.answeredMs ?? Number.NaN);

      const found = await play("--replay-speedup", "50", "--concurrency", "1");
      expect(found.code, found.stderr).to.equal(0);
      expect(found.stderr).to.contain("warning: phase profiling follows the timestamps of the file");
      expect(found.requests).to.have.lengthOf(7);

      const other = await play("--no-fixed-schedule", "--request-count", "3");
      expect([other.code, other.requests.length]).to.deep.equal([0, 3]);
      expect(other.stderr).to.not.contain("timestamps");

      const refused = await play("--fixed-schedule", "--fixed-schedule-end-offset", "5");
      expect([refused.code, refused.requests.length]).to.deep.equal([2, 0]);
      expect(refused.stderr).to.equal(
        `assay run: --fixed-schedule-end-offset 5: the file's timestamps are from ${from} to ${from + 9000} ms, got 5 (phases[0].schedule.end_offset_ms)\n`,
      );
      const gap = ["--fixed-schedule-start-offset", `${from + 3000}`, "--fixed-schedule-end-offset", `${from + 4000}`];
      const empty = await play("--fixed-schedule", ...gap);
      expect([empty.code, empty.requests.length]).to.deep.equal([2, 0]);
      expect(empty.stderr).to.match(
        /^assay run: --fixed-schedule-end-offset \d+: no conversation begins from .*, the nearest at .* ms .*\n$/,
      );
    } finally {
      await server.close();
    }
  });

  test("belong to users of all ages, who send evenly and are replaced", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    try {
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--workers-max", "2", "--no-probe", "--json", "--isl", "10"],
        ...["--user-centric-rate", "20", "--num-users", "5", "--conversation-turn-mean", "4", "--benchmark-duration", "2"],
        ...["--no-gpu-telemetry", "--artifact-dir", "out"],
      ]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const [phase] = JSON.parse(stdout).phases;
      // 20 a second, the first at 0, none at the end.
      expect(phase.identity).to.include({ succeeded: 40, errored: 0, dropped: 0 });
      expect(server.requests).to.have.lengthOf(40);
      const sessions = Map.groupBy(server.requests, ({ headers }) => headers["x-correlation-id"]);
      const lengths = [...sessions.values()].map(({ length }) => length);
      expect(Math.max(...lengths)).to.equal(4);
      // Those who were nearly done at the start, and more than the users that there are at once.
      expect(lengths.filter((length) => length < 4).length).to.be.at.least(2);
      expect(sessions.size).to.be.above(5);
      for (const turns of sessions.values()) {
        const sizes = turns.map(({ body }) => (body.messages as readonly Message[]).length);
        expect(sizes).to.deep.equal([1, 3, 5, 7].slice(0, turns.length));
      }
    } finally {
      await server.close();
    }
  });
});

function expectSession(turns: readonly RecordedRequest[]): void {
  const messages = turns.map(({ body }) => body.messages as readonly Message[]);
  expect(messages.map(({ length }) => length)).to.deep.equal([1, 3, 5].slice(0, turns.length));
  for (const [index, turn] of turns.entries()) {
    const before = turns[index - 1];
    if (before === undefined) continue;
    const said = [...(messages[index - 1] ?? []), { role: "assistant", content: "because" }];
    expect(messages[index]?.slice(0, -1)).to.deep.equal(said);
    // A pause is never shorter than what it is to be; nobody promises that it is no longer.
    expect(turn.receivedMs - before.answeredMs).to.be.at.least(119);
  }
}
