import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type RecordedRequest, startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

interface Message {
  readonly role: string;
  readonly content: string;
}

describe("sessions of several turns", function () {
  this.timeout(4 * endsWithinMs);
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
