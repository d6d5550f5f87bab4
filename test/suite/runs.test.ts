import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type Exit, endsWithinMs, rowsIn, type Stage, useStages } from "../support/suite.ts";

/** Several commands after one another. */
const several = 6;

async function succeeding(stage: Stage, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await stage.start(args, stage.folder, env).exit();
  expect(code, `${args.join(" ")}\n${stderr}`).to.equal(0);
  return stdout;
}

async function refused(stage: Stage, args: readonly string[], env: Record<string, string> = {}): Promise<Exit> {
  const exit = await stage.start(args, stage.folder, env).exit();
  expect(exit.code, exit.stderr).to.equal(2);
  expect(exit.stdout).to.equal("");
  // Nothing was started, so that nothing can have been written.
  expect(existsSync(join(stage.folder, "artifacts"))).to.equal(false);
  return exit;
}

describe("runs of this machine", function () {
  this.timeout(several * endsWithinMs);
  const test = useStages();

  test("can be listed, shown, summarised, read and exported, and deleted for good", async (stage) => {
    const mock = await stage.mock();
    const { code, stdout, stderr } = await stage.run(mock, "--request-count", "30", "--json", "--quiet").exit();
    expect(code, stderr).to.equal(0);
    const { run_id: runId, folder, phases } = JSON.parse(stdout);

    const [listed] = JSON.parse(await succeeding(stage, ["runs", "list", "--json"]));
    expect(listed).to.include({ run_id: runId, state: "completed", folder, name: "mock-openai-chat-concurrency8" });
    expect(await succeeding(stage, ["runs", "list"])).to.match(new RegExp(`│ ${runId} │ completed │`));
    expect(await succeeding(stage, ["runs", "show", "latest"])).to.match(/Phase profiling +30 succeeded, 0 errored, 0 cancelled/);

    const summary = JSON.parse(await succeeding(stage, ["runs", "summary", runId.slice(0, -2), "--json"]));
    expect(summary.phases[0].metrics).to.deep.equal(phases[0].metrics);

    const lines = (await succeeding(stage, ["runs", "records", folder, "--json"])).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line));
    // A credit that came back unsent was drawn again under another id.
    expect(new Set(records.map(({ credit_id }) => credit_id)).size).to.equal(30);
    expect(records).to.have.length(30);
    for (const { status, metrics } of records) {
      expect(status).to.equal(200);
      expect(metrics.output_sequence_length).to.equal(32);
    }
    const few = await succeeding(stage, ["runs", "records", "latest", "-n", "2", "--fields", "status", "--json"]);
    expect(few).to.match(/^\{"credit_id":\d+,"status":200\}\n\{"credit_id":\d+,"status":200\}\n$/);

    const found = ["--where", 'osl = 32 tokens AND error = ""', "--order-by", "latency desc", "--fields", "latency,status"];
    const csv = (await succeeding(stage, ["runs", "records", "latest", "-n", "5", ...found, "--format", "csv"]))
      .trimEnd()
      .split("\n");
    expect(csv[0]).to.equal("credit_id,request_latency,status");
    const latencies = csv.slice(1).map((line) => Number(line.split(",")[1]));
    expect(latencies).to.deep.equal(
      records
        .map(({ metrics }) => metrics.request_latency)
        .sort((a, b) => b - a)
        .slice(0, 5),
    );
    expect(await succeeding(stage, ["runs", "records", "latest", "--where", "osl != 32"])).to.not.match(/200/);
    expect(await stage.start(["runs", "records", "latest", "--where", "ttftt > 1"]).exit()).to.include({
      code: 2,
      stderr: "assay runs records: filter: unknown field ttftt, did you mean ttft?\n    ttftt > 1\n    ^\n",
    });

    await succeeding(stage, ["runs", "export", "latest", "--output-artifact-dir", "copy"]);
    await succeeding(stage, ["runs", "export", "latest", "--format", "parquet", "--output", "copy/rows.parquet"]);
    expect(readFileSync(join(stage.folder, "copy/rows.parquet")).toString("latin1", 0, 4)).to.equal("PAR1");
    const bench = JSON.parse(await succeeding(stage, ["runs", "export", "latest", "--format", "vllm", "-o", "-"]));
    expect(bench).to.include({ completed: 30, failed: 0 });
    expect(rowsIn(join(stage.folder, "copy"))).to.equal(30);
    expect(readFileSync(join(stage.folder, "copy/profile_export.jsonl"), "utf8").trimEnd().split("\n")).to.have.lengthOf(30);

    expect(await succeeding(stage, ["runs", "delete", "latest"])).to.equal(`deleted ${runId} (${folder})\n`);
    expect(existsSync(join(folder, "run.db"))).to.equal(false);
    const gone = await stage.start(["runs", "show", runId]).exit();
    expect(gone).to.include({ code: 1, stdout: "", stderr: `assay runs show: there is no run ${runId}\n` });
    expect((await stage.start(["runs", "list"]).exit()).stderr).to.equal("no runs yet\n");
  });

  test("have figures by target, by turn and by the groups of a dataset", async (stage) => {
    const rows = [
      { group: "code", turns: [{ text: "one" }, { text: "two" }] },
      { group: 'it\'s "prose"; --', turns: [{ text: "three" }] },
      { turns: [{ text: "four" }] },
    ];
    writeFileSync(join(stage.folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const mocks = [await stage.mock({ ttftMs: 2, itlMs: 1 }), await stage.mock({ ttftMs: 60, itlMs: 1 })];
    const from = ["-m", "mock", ...mocks.flatMap(({ url }) => ["-u", url]), "--input-file", "rows.jsonl", "--streaming"];
    const load = ["--concurrency", "4", "--request-count", "40", "--osl", "8", "--workers-max", "1", "--random-seed", "7"];
    const rest = ["--no-gpu-telemetry", "--no-probe", "--quiet", "--artifact-dir", "out"];
    const exit = await stage.start(["run", ...from, ...load, ...rest]).exit();
    expect(exit.code, exit.stderr).to.equal(0);

    const summary = async (...args: readonly string[]) =>
      JSON.parse(await succeeding(stage, ["runs", "summary", "latest", "--format", "json", ...args]));
    const { groups } = await summary("--by", "target,turn", "--metrics", "ttft,rps", "--confidence");
    const found = groups.map(({ keys, succeeded }: { keys: object; succeeded: number }) => ({ ...keys, succeeded }));
    const db = new Database(join(stage.folder, "out", "run.db"), { readonly: true });
    const counted = db
      .prepare("SELECT target, turn, count(*) AS succeeded FROM requests GROUP BY target, turn ORDER BY target, turn")
      .all() as { readonly target: number }[];
    db.close();
    expect(found).to.deep.equal(counted.map(({ target, ...row }) => ({ target: mocks[target]?.url, ...row })));
    for (const { keys, metrics } of groups) {
      const { p50, thin_percentiles: thin } = metrics.time_to_first_token;
      expect(p50, keys.target).to.be[keys.target === mocks[1]?.url ? "above" : "below"](50);
      expect(thin).to.include("p99");
    }

    const byGroup = await summary("--by", "group", "--where", "osl > 0", "--metrics", "osl", "--statistics", "p50");
    const names = byGroup.groups.map(({ keys }: { keys: { group: string | null } }) => keys.group);
    expect(names).to.deep.equal(["code", rows[1]?.group, null]);
    expect(byGroup.groups[0].metrics).to.have.all.keys("output_sequence_length");
    const filter = `group = "it's \\"prose\\"; --"`;
    const prose = (await succeeding(stage, ["runs", "records", "latest", "--where", filter, "--fields", "row_group", "--json"]))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).row_group);
    expect(new Set(prose)).to.deep.equal(new Set([rows[1]?.group]));
    expect(prose).to.have.length(byGroup.groups[1].succeeded);

    const csv = await succeeding(stage, ["runs", "summary", "latest", "--by", "group", "--metrics", "ttft", "--format", "csv"]);
    const [head = "", ...lines] = csv.trimEnd().split("\n");
    expect(head).to.match(/^phase,group,succeeded,errored,cancelled,metric,unit,count,avg,/);
    expect(lines.map((line) => line.split(/,(?=\d)/)[0])).to.deep.equal([
      "profiling,code",
      'profiling,"it\'s ""prose""; --"',
      "profiling,",
    ]);
    const table = await succeeding(stage, ["runs", "summary", "latest", "--by", "turn", "--where", 'group = "code"']);
    expect(table)
      .to.match(/Time to First Token \(ms\)/)
      .and.match(/│ 1 +│/);
    expect(await succeeding(stage, ["runs", "summary", "latest", "--where", "turn > 9"])).to.equal("no request passes\n");

    const bad: readonly (readonly [args: readonly string[], stderr: RegExp])[] = [
      [["--where", "ttft > 1 AND ttftt > 1"], /^assay runs summary: filter: unknown field ttftt.*\n.*\n {4} {13}\^\n$/],
      [
        ["--by", "tagret"],
        /^assay runs summary: group by: unknown field tagret, did you mean target\?\n {4}expected phase, target/,
      ],
      [["--metrics", "tftt"], /did you mean ttft\?/],
      [["--by", "turn", "--statistics", "p51"], /^assay runs summary: statistics: unknown p51/],
      [["--by", "turn", "--definitions", "vllm"], /^assay runs summary: --definitions: /],
    ];
    for (const [args, stderr] of bad) {
      const refusal = await stage.start(["runs", "summary", "latest", ...args]).exit();
      expect(refusal, args.join(" ")).to.include({ code: 2, stdout: "" });
      expect(refusal.stderr).to.match(stderr);
    }
  });

  test("that still go on are not failed by a look at them, nor deleted", async (stage) => {
    const mock = await stage.mock();
    const command = stage.run(mock, "--request-count", "100000", "--benchmark-duration", "60");
    await command.until("the first requests", () => mock.stats().requests > 0);
    const [listed] = JSON.parse(await succeeding(stage, ["runs", "list", "--json"]));
    expect(listed.state).to.be.oneOf(["created", "configuring", "ready", "running"]);
    const deletion = await stage.start(["runs", "delete", "latest"]).exit();
    expect(deletion.code).to.equal(1);
    expect(deletion.stderr).to.match(/latest: .*has not ended/);
    command.signal("SIGINT", command.pid);
    expect((await command.exit()).code).to.equal(130);
    const [ended] = JSON.parse(await succeeding(stage, ["runs", "list", "--json"]));
    expect(ended.state).to.equal("cancelled");
  });
});

describe("what a run is made of", function () {
  this.timeout(several * endsWithinMs);
  const test = useStages();

  test("comes from a file, the environment, options and --set, each over the one before", async (stage) => {
    const mock = await stage.mock({ models: ["from-env"] });
    const file = [
      "models: [from-file]",
      `target: { urls: [${mock.url}] }`,
      "endpoint: { streaming: true }",
      "dataset: { synthetic: { input_tokens: { mean: 64 }, output_tokens: { mean: 8 } } }",
      "phases:",
      "  - { name: warmup, kind: warmup, concurrency: { limit: 1 }, stop: { request_count: 2 } }",
      "  - { name: profiling, kind: profiling, concurrency: { limit: 2 }, stop: { request_count: 5 } }",
      "telemetry: { disable_gpu: true }",
    ];
    writeFileSync(join(stage.folder, "run.yaml"), file.join("\n"));
    const args = ["-f", "run.yaml", "--request-count", "7", "--set", "phases[1].concurrency.limit=3", "--artifact-dir", "out"];
    const env = { ASSAY_MODEL: "from-env", ASSAY_REQUEST_COUNT: "6" };
    const shown = await succeeding(stage, ["config", "show", ...args], env);
    expect(shown).to.include("- from-env").and.include("limit: 3").and.include("request_count: 7").and.include("grace_sec");

    const results = JSON.parse(await succeeding(stage, ["run", ...args, "--json", "--quiet"], env));
    expect(
      results.phases.map(({ name, identity }: { name: string; identity: { succeeded: number } }) => [name, identity.succeeded]),
    ).to.deep.equal([
      ["warmup", 2],
      ["profiling", 7],
    ]);
    expect(mock.stats()).to.include({ requests: 9 });

    writeFileSync(join(stage.folder, "shown.yaml"), shown);
    const again = JSON.parse(await succeeding(stage, ["run", "-f", "shown.yaml", "--json", "--quiet"]));
    expect(again.phases[1].identity.succeeded).to.equal(7);
  });

  test("is refused with where it came from, before anything is started", async (stage) => {
    writeFileSync(join(stage.folder, "run.yaml"), "models: [m]\ntarget:\n  url: http://h\n");
    writeFileSync(
      join(stage.folder, "rate.yaml"),
      "models: [m]\nphases:\n  - name: p\n    kind: profiling\n    rate: { rate_per_sec: -5 }\n    stop: { request_count: 1 }\n",
    );
    for (const [args, complaint] of [
      [["-f", "run.yaml"], "run.yaml:3:3: target.url: unknown field, did you mean urls?"],
      [["-f", "rate.yaml"], "rate.yaml:5:13: phases[0].rate.rate_per_sec: must be above 0, got -5"],
      [["-f", "none.yaml"], /^assay run: --config none.yaml: cannot be read: ENOENT/],
      [["-f", "."], /^assay run: --config .: cannot be read: EISDIR/],
      [
        ["-m", "m", "--set", "workers.max_workers=0"],
        "--set workers.max_workers=0: must be at least 1, got 0 (workers.max_workers)",
      ],
      [["-m", "m", "-u", "http://u:p@h"], "--url: must not carry a password; use a header or the API key (target.urls[0].url)"],
      [["-m", "m", "--endpoint-type", "chatt"], /--endpoint-type chatt: /],
    ] as const) {
      const { stderr } = await refused(stage, ["run", ...args]);
      if (typeof complaint === "string") expect(stderr.split("\n")[0]).to.equal(`assay run: ${complaint}`);
      else expect(stderr).to.match(complaint);
    }
    const { stderr } = await refused(stage, ["run"], { ASSAY_CONCURRENCY: "0", ASSAY_MODEL: "m" });
    expect(stderr).to.match(/^assay run: ASSAY_CONCURRENCY=0: expected an integer from 1/);
  });
});
