import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type RecordedRequest, startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/datasets.md"), "utf8");
/** The example of the documentation. */
const rows = page.match(/```jsonl dag_jsonl\n(.*?)```/s)?.[1];

/** A record as the export has it. */
interface Line {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What the session said and was told, a message a word: `plan>be cause>search`. */
function wordsOf({ body }: RecordedRequest): string {
  return (body.messages as readonly { readonly content: string }[]).map(({ content }) => content).join(">");
}

describe("sessions that begin others", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("are sent as the file says: children after the answer, joins after all children, forks with what was said", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    try {
      expect(rows, "the example").not.to.equal(undefined);
      writeFileSync(join(stage.folder, "agent.jsonl"), rows ?? "");
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "2", "--workers-max", "2", "--no-probe"],
        ...["--input-file", "agent.jsonl", "--num-sessions", "6", "--no-gpu-telemetry", "--artifact-dir", "out", "--json"],
      ]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const [phase] = JSON.parse(stdout).phases;
      expect(phase.identity).to.include({ drawn: 30, succeeded: 30, errored: 0, unused: 0 });

      const bySession = Map.groupBy(server.requests, ({ headers }) => String(headers["x-correlation-id"]));
      const lines = readFileSync(join(stage.folder, "out/profile_export.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as Line).metadata);
      const trees = Map.groupBy(lines, ({ root_correlation_id: root }) => String(root));
      expect(trees.size).to.equal(6);
      for (const [root, tree] of trees) {
        const of = (name: string) => {
          const metadata = tree.find(({ conversation_id: id }) => id === name);
          const requests = bySession.get(String(metadata?.x_correlation_id)) ?? [];
          return { metadata, requests, first: requests[0] as RecordedRequest };
        };
        const [agent, search, test, report] = [of("agent"), of("search"), of("test"), of("report")];
        expect(agent.metadata).to.deep.include({ x_correlation_id: root, agent_depth: 0 });
        expect(agent.metadata).not.to.have.property("parent_correlation_id");
        for (const child of [search, test, report]) {
          expect(child.metadata).to.include({ agent_depth: 1, parent_correlation_id: root, root_correlation_id: root });
        }
        const [plan, go] = agent.requests as [RecordedRequest, RecordedRequest];
        for (const { first } of [search, test]) {
          expect(first.receivedMs, "a child after the answer").to.be.at.least(plan.answeredMs);
          expect(go.receivedMs, "the turn that waits").to.be.at.least(first.answeredMs);
        }
        expect(report.first.receivedMs).to.be.at.least(go.answeredMs);
        expect(wordsOf(search.first)).to.equal("Search.");
        expect(wordsOf(go)).to.equal("You plan.>Plan.>because>Go on.");
        expect(wordsOf(report.first)).to.equal("You plan.>Plan.>because>Go on.>because>Report.");
      }
      const db = new Database(join(stage.folder, "out/run.db"), { readonly: true });
      const depths = db
        .prepare("SELECT agent_depth depth, count(*) count, count(root_session) below FROM requests GROUP BY 1")
        .all();
      db.close();
      expect(depths).to.deep.equal([
        { depth: 0, count: 12, below: 0 },
        { depth: 1, count: 18, below: 18 },
      ]);
    } finally {
      await server.close();
    }
  });

  test("are replayed as they were recorded, each with its own prompt, blocks the same", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    try {
      const trace = page.match(/```jsonl weka_trace\n(.*?)```/s)?.[1] ?? expect.fail("there is no example");
      writeFileSync(join(stage.folder, "s1.json"), trace);
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "1", "--workers-max", "1", "--no-probe"],
        ...[
          "--input-file",
          "s1.json",
          "--num-sessions",
          "1",
          "--ignore-trace-delays",
          "--no-gpu-telemetry",
          "--artifact-dir",
          "out",
          "--json",
        ],
      ]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      expect(JSON.parse(stdout).phases[0].identity).to.include({ drawn: 3, succeeded: 3 });
      const [first, agent, second] = server.requests as [RecordedRequest, RecordedRequest, RecordedRequest];
      expect([first, agent, second].map(({ body }) => body.max_completion_tokens)).to.deep.equal([20, 9, 30]);
      expect(agent.receivedMs).to.be.at.least(first.answeredMs);
      expect(second.receivedMs).to.be.at.least(agent.answeredMs);
      const [one, other, two] = [first, agent, second].map(wordsOf) as [string, string, string];
      // Two blocks are the same; the two tokens that the first has behind them may be so by chance.
      const parted = [...one].findIndex((character, at) => character !== two[at]);
      expect(parted < 0 ? one.length : parted).to.be.greaterThan(0.9 * one.length);
      expect(two.length).to.be.greaterThan(one.length);
      expect(other.slice(0, 20)).not.to.equal(one.slice(0, 20));
    } finally {
      await server.close();
    }
  });

  test("go in rounds where an orchestrator says so, and are as many at once as asked for", async (stage) => {
    const server = await startRecordingServer(["be", "cause"]);
    try {
      const chat = (name: string) => ({ session_id: name, turns: [{ messages: [{ role: "user", content: name }] }] });
      const file = [{ session_id: "s", orchestrator: true, rounds: [{ spawns: ["a", "b"] }, { spawns: ["c"] }] }];
      writeFileSync(
        join(stage.folder, "s.jsonl"),
        [...file, ...["a", "b", "c"].map(chat)].map((row) => JSON.stringify(row)).join("\n"),
      );
      const command = stage.start([
        ...["run", "-m", "mock", "-u", server.url, "--streaming", "--concurrency", "1", "--workers-max", "1", "--no-probe"],
        ...["--input-file", "s.jsonl", "--num-sessions", "3", "--no-gpu-telemetry", "--artifact-dir", "out", "--json"],
      ]);
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      expect(JSON.parse(stdout).phases[0].identity).to.include({ drawn: 9, succeeded: 9 });
      const order = server.requests.map(wordsOf);
      for (let round = 0; round < 9; round += 3) {
        expect(order.slice(round, round + 2).toSorted()).to.deep.equal(["a", "b"]);
        expect(order[round + 2]).to.equal("c");
        const [one, other, last] = server.requests.slice(round, round + 3) as [RecordedRequest, RecordedRequest, RecordedRequest];
        expect(last.receivedMs).to.be.at.least(Math.max(one.answeredMs, other.answeredMs));
      }
    } finally {
      await server.close();
    }
  });
});
