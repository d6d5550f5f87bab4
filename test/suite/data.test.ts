import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, runFile, useStages } from "../support/suite.ts";

const tiny = join(import.meta.dirname, "../fixtures/tokenizer/tiny");

describe("what a run sends", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("is what was asked for, to the completions endpoint, with secrets that only the target sees", async (stage) => {
    const secrets = ["k3y-s3cret", "t3am-s3cret"];
    const gate = Promise.withResolvers<void>();
    const server = await startRecordingServer([" one", " two", " three"], gate.promise);
    try {
      const command = stage.start([
        ...["run", "-m", "mock", "-u", `${server.url}/llm`, "--endpoint-type", "completions", "--endpoint", "/gate/complete"],
        ...["--streaming", "--concurrency", "2", "--request-count", "8", "--isl", "12", "--osl", "5", "--workers-max", "1"],
        ...["--api-key", "k3y-s3cret", "-H", "X-Team: t3am-s3cret", "User-Agent:me", "--request-timeout-seconds", "30"],
        ...["--extra-inputs", "temperature:0.5", '{"max_tokens":4,"stream_options":{"x":1}}', "--use-server-token-count"],
        ...["--no-gpu-telemetry", "--no-probe", "--artifact-dir", "out", "--log-file", "suite.log", "-v", "--json"],
      ]);
      await command.until("the first requests", () => server.requests.length === 2);
      const others = command.processes().filter(({ role }) => role !== "cli");
      expect(others.map(({ role }) => role)).to.include.members(["suite", "timing", "records", "worker"]);
      for (const { words, pid } of others) {
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        for (const secret of secrets) expect(words + environment, `process ${words}`).to.not.include(secret);
      }
      gate.resolve();
      const { code, stdout, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);

      expect(server.requests).to.have.lengthOf(8);
      for (const { path, headers, body } of server.requests) {
        expect(path).to.equal("/llm/gate/complete");
        expect(headers).to.include({
          authorization: "Bearer k3y-s3cret",
          "x-team": "t3am-s3cret",
          "user-agent": "me",
          accept: "text/event-stream",
          "content-type": "application/json",
        });
        const { prompt, ...rest } = body;
        expect(prompt).to.be.a("string").with.length.above(20);
        const stream_options = { include_usage: true, x: 1 };
        expect(rest).to.deep.equal({ model: "mock", stream: true, max_tokens: 4, temperature: 0.5, stream_options });
      }

      const [phase] = JSON.parse(stdout).phases;
      expect(phase.metrics.input_sequence_length).to.include({ min: 77, max: 77, count: 8 });
      expect(phase.metrics.output_sequence_length).to.include({ min: 9, max: 9 });
      expect(phase.metrics.time_to_first_token.count).to.equal(8);
      const file = runFile(join(stage.folder, "out"));
      expect(file).to.deep.include({ state: "COMPLETED", rows: 8, errors: { "": 8 } });
      const written = [...filesBelow(join(stage.folder, "out")), join(stage.folder, "suite.log")];
      expect(written.length).to.be.greaterThan(3);
      for (const secret of secrets) {
        expect(stdout + stderr).to.not.include(secret);
        for (const path of written) expect(readFileSync(path).includes(secret), path).to.equal(false);
      }
    } finally {
      gate.resolve();
      await server.close();
    }
  });

  test("is bodies as they stand in a file, and those of an earlier run at its times", async (stage) => {
    const message = (content: string) => [{ role: "user", content }];
    const rows = [
      { model: "a", messages: message("one"), max_tokens: 3, stream: true },
      { model: "b", messages: message("two") },
    ];
    writeFileSync(join(stage.folder, "bodies.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const mock = await stage.mock();
    const common = ["-m", "run", "-u", mock.url, "--workers-max", "1", "--no-gpu-telemetry", "--no-probe"];
    const load = ["--input-file", "bodies.jsonl", "--request-rate", "40", "--request-count", "6", "--osl", "9"];
    const first = await stage.start(["run", ...common, ...load, "--artifact-dir", "first"]).exit();
    expect(first.code, first.stderr).to.equal(0);
    const again = await stage.start(["run", ...common, "--replay", "first", "--artifact-dir", "second"]).exit();
    expect(again.code, again.stderr).to.equal(0);
    expect(again.stderr).to.include("bodies are sent as they stand in its inputs.json");

    const sent = (folder: string) => {
      const db = new Database(join(stage.folder, folder, "run.db"), { readonly: true });
      const sql =
        "SELECT model, is_streaming AS stream, requested_output_tokens AS tokens, request_bytes AS bytes, error_code, due_ns - MIN(due_ns) OVER () AS at FROM requests ORDER BY due_ns";
      const found = db.prepare(sql).all() as { readonly at: number }[];
      db.close();
      return found;
    };
    const bodies = rows.map((row) => JSON.stringify(row).length);
    expect(sent("first").map(({ at, ...request }) => request)).to.deep.equal(
      [0, 1, 0, 1, 0, 1].map((row) => ({
        ...(row === 0 ? { model: "a", stream: 1, tokens: 3 } : { model: "b", stream: 0, tokens: null }),
        bytes: bodies[row],
        error_code: null,
      })),
    );
    const [earlier, later] = [sent("first"), sent("second")];
    for (const [index, { at, ...request }] of later.entries()) {
      const { at: before = 0, ...was } = earlier[index] ?? {};
      expect(request).to.deep.equal(was);
      // Moments are told in whole microseconds.
      expect(at).to.be.closeTo(before, 2000);
    }
    expect(later).to.have.lengthOf(6);
  });

  test("comes from a file, for two models in turn, counted by a tokenizer of one's own", async (stage) => {
    const rows = [
      { text: "The cat" },
      { text: "The dog and the cat", output_length: 3 },
      { text: "broken", image: "x.png" },
      { text: "of its own", model: "own", output_length: 7 },
      { text: "The end", id: 4 },
    ];
    writeFileSync(join(stage.folder, "prompts.jsonl"), `\ufeff${rows.map((row) => JSON.stringify(row)).join("\r\n")}`);
    const mock = await stage.mock();
    const from = (...args: readonly string[]): readonly string[] => [
      ...["run", "-m", "a,b", "-u", mock.url, "--streaming", "--concurrency", "2", "--request-count", "12", "--osl", "5"],
      ...["--input-file", "prompts.jsonl", "--tokenizer", tiny, "--workers-max", "1", "--no-gpu-telemetry", "--no-probe"],
      ...["--extra-inputs", '{"stream_options":{"include_usage":false}}', "--artifact-dir", "out", ...args],
    ];
    const refused = await stage.start(from()).exit();
    expect([refused.code, refused.stdout]).to.deep.equal([2, ""]);
    const place = `line 3, column 18: image: "x.png": there is no such file (looked for ${join(stage.folder, "x.png")})`;
    // A slow machine says how far it is.
    const said = refused.stderr.replaceAll(/^preparing the dataset: .*\n/gm, "");
    expect(said).to.equal(`assay run: --input-file prompts.jsonl: ${place} (dataset.file.path)\n`);
    expect(existsSync(join(stage.folder, "out"))).to.equal(false);

    const { code, stderr } = await stage.start(from("--on-bad-row", "skip", "--custom-dataset-type", "single_turn")).exit();
    expect(code, stderr).to.equal(0);
    const warnings = [
      "prompts.jsonl: 1 of 5 rows were left out",
      `prompts.jsonl, ${place}`,
      "prompts.jsonl: fields that single_turn does not have were left out: id (1 rows)",
    ];
    for (const warning of warnings) expect(stderr).to.include(`warning: ${warning}\n`);
    const file = runFile(join(stage.folder, "out"));
    expect(file).to.deep.include({ state: "COMPLETED", rows: 12, errors: { "": 12 } });
    expect(file.events.filter(({ kind }) => kind === "warning").map(({ message }) => message)).to.deep.equal(warnings);
    expect(mock.stats()).to.include({ requests: 12, completed: 12 });

    const db = new Database(join(stage.folder, "out", "run.db"), { readonly: true });
    const seen = db
      .prepare(
        `SELECT conversation, model, count(*) AS requests, min(requested_osl) AS osl, min(input_sequence_length) AS isl,
          max(token_source) AS source FROM requests GROUP BY 1, 2 ORDER BY 1`,
      )
      .all();
    db.close();
    // Counted by hand: the tokenizer knows "The", " the", " a", " o", " i", and all else by its letters.
    const counted = { requests: 3, source: "counted" };
    expect(seen).to.deep.equal([
      { conversation: 0, model: "a", osl: 5, isl: 5, ...counted },
      { conversation: 1, model: "b", osl: 3, isl: 13, ...counted },
      { conversation: 2, model: "own", osl: 7, isl: 8, ...counted },
      { conversation: 3, model: "b", osl: 5, isl: 5, ...counted },
    ]);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
