import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

/** What the server answers, always. */
const words = ["It is", " Paris", "."];
const common = ["--streaming", "--workers-max", "1", "--no-gpu-telemetry", "--no-probe", "--concurrency", "2"];

describe("answers that are checked", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("are right or wrong by their rows and turns, which no request shows", async (stage) => {
    const server = await startRecordingServer(words);
    try {
      const rows = [
        { text: "Which?", expected: ["Lyon", "Paris"] },
        { text: "Which?", expected: "Secret-Lyon" },
        { text: "Which?", expected: "(?i)PARIS[.]$", check: "regex" },
        { text: "Which?", expected: { type: "object" }, check: "json-schema" },
        { text: "Anything" },
        { text: "Which?", expected: "It is Paris.", check: "exact" },
      ];
      writeFileSync(join(stage.folder, "questions.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
      const args = ["--input-file", "questions.jsonl", "--check", "contains", "--request-count", "12", "--artifact-dir", "out"];
      const held = ["--goodput", "request_latency:60000", "--slo", "correct_rate >= 60%; correct_rate > 99%"];
      const run = ["run", "-m", "m", "-u", server.url, ...common, ...args, ...held];
      const { code, stdout, stderr } = await stage.start([...run, "--json"]).exit();
      expect(code, stderr).to.equal(3);
      const [phase] = JSON.parse(stdout).phases;
      const figures = ["correct_request_count", "incorrect_request_count", "correct_request_rate", "good_request_count"];
      expect(figures.map((tag) => phase.metrics[tag]?.avg)).to.deep.equal([6, 4, 60, 8]);
      expect(phase.objectives.map(({ is_kept: isKept }: { is_kept: boolean }) => isKept)).to.deep.equal([true, false]);
      expect(server.requests).to.have.lengthOf(12);
      expect(JSON.stringify(server.requests.map(({ body }) => body))).to.not.match(/expected|check|Secret|Lyon/);

      const where = ["runs", "records", "out", "--where", "correct = false", "--fields", "conversation,check", "--json"];
      const wrong = await stage.start(where).exit();
      const found = wrong.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(found.map(({ conversation, check }) => [conversation, check.reason, check.answer])).to.have.deep.members([
        [1, 'does not contain "Secret-Lyon"', "It is Paris."],
        [3, "is no JSON", "It is Paris."],
        [1, 'does not contain "Secret-Lyon"', "It is Paris."],
        [3, "is no JSON", "It is Paris."],
      ]);
      const shown = await stage.start(["runs", "summary", "out"]).exit();
      expect(shown.stdout)
        .to.match(/Correct Request Rate \(%\) │ +60\.00/)
        .and.include("Wrong Answers");
    } finally {
      await server.close();
    }
  });

  test("are those of turns of a conversation, and of every request where one thing is expected of all", async (stage) => {
    const server = await startRecordingServer(words);
    try {
      const turns = [{ text: "Hello" }, { text: "Which?", expected: "Paris" }, { text: "And?", expected: "Lyon" }];
      writeFileSync(join(stage.folder, "talk.jsonl"), JSON.stringify({ turns }));
      const talk = ["--input-file", "talk.jsonl", "--check", "contains", "--num-sessions", "2", "--artifact-dir", "talk"];
      const ofTurns = await stage.start(["run", "-m", "m", "-u", server.url, ...common, ...talk, "--json"]).exit();
      expect(ofTurns.code, ofTurns.stderr).to.equal(0);
      const metrics = JSON.parse(ofTurns.stdout).phases[0].metrics;
      expect([metrics.correct_request_count.avg, metrics.incorrect_request_count.avg]).to.deep.equal([2, 2]);
      const all = [
        "--isl",
        "20",
        "--check",
        "regex",
        "--check-value",
        "^It .*[.]$",
        "--request-count",
        "5",
        "--artifact-dir",
        "all",
      ];
      const ofAll = await stage.start(["run", "-m", "m", "-u", server.url, ...common, ...all, "--json"]).exit();
      expect(ofAll.code, ofAll.stderr).to.equal(0);
      expect(JSON.parse(ofAll.stdout).phases[0].metrics.correct_request_rate.avg).to.equal(100);
    } finally {
      await server.close();
    }
  });

  test("are refused before anything is sent where they cannot be", async (stage) => {
    const server = await startRecordingServer(words);
    try {
      const rows = ['{"text": "a", "expected": "a"}', '{"text": "b", "expected": "([", "check": "regex"}', '{"text": "c"}'];
      writeFileSync(join(stage.folder, "bad.jsonl"), rows.join("\n"));
      writeFileSync(join(stage.folder, "none.jsonl"), '{"text": "c"}');
      const run = (...args: readonly string[]) =>
        stage.start(["run", "-m", "m", "-u", server.url, ...common, "--request-count", "2", ...args]).exit();
      const refusals: readonly (readonly [readonly string[], string])[] = [
        [
          ["--input-file", "bad.jsonl", "--check", "exact"],
          "line 2, column 15: expected: is no regular expression of RE2: missing closing ]",
        ],
        [["--input-file", "none.jsonl", "--check", "exact"], "no row of none.jsonl says what is expected of the answer"],
        [["--isl", "20", "--check", "exact"], "--check exact: needs an answer to check by"],
        [["--isl", "20", "--check", "regex", "--check-value", "(?=a)"], "--check-value (?=a): is no regular expression of RE2"],
        [
          ["--isl", "20", "--check", "json-schema", "--check-value", '{"type": 1}'],
          "is no JSON schema that can be used: /type must be",
        ],
        [["--isl", "20", "--check-value", "a"], "--check-value a: needs --check beside it"],
        [["--isl", "20", "--slo", "correct_rate > 99%"], "correct_request_rate needs answers that are checked"],
      ];
      for (const [args, message] of refusals) {
        const { code, stderr } = await run(...args);
        expect([code, stderr.includes(message)], stderr).to.deep.equal([2, true]);
      }
      expect(server.requests).to.have.lengthOf(0);
    } finally {
      await server.close();
    }
  });
});
