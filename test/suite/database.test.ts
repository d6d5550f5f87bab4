import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "chai";
import { endsWithinMs, type Stage, useStages } from "../support/suite.ts";

type Row = Readonly<Record<string, number | string | null>>;

const page = readFileSync(new URL("../../docs/database.md", import.meta.url), "utf8");

/** The command at its head, for a shell in the folder of a run. */
function shellOfPage(): string {
  return /```sh\n([\s\S]+?)\n```/.exec(page)?.[1] ?? "";
}

/** Queries of the page, by their headings. */
function queriesOfPage(): ReadonlyMap<string, string> {
  return new Map([...page.matchAll(/^### (.+)\n\n```sql\n([\s\S]+?)\n```/gm)].map(([, title = "", sql = ""]) => [title, sql]));
}

function rowsOf(file: string): (sql: string) => Row[] {
  const db = new DatabaseSync(file, { readOnly: true });
  return (sql) => db.prepare(sql).all() as unknown as Row[];
}

/** Two servers, of which one fails now and then, conversations of two turns at a rate, and two GPUs; its file. */
async function measured(stage: Stage): Promise<string> {
  const good = await stage.mock({ dcgmPort: 0, dcgmIntervalMs: 20 });
  const bad = await stage.mock({ ttftMs: 40, failures: { 500: 0.3 } });
  const load = [
    "--request-rate",
    "60",
    "--request-count",
    "120",
    "--conversation-turn-mean",
    "2",
    "--conversation-turn-stddev",
    "0",
  ];
  const own = ["-m", "mock", "-u", good.url, "-u", bad.url, "--streaming", "--workers-max", "2", "--isl", "16", "--osl", "8"];
  const kept = [
    "--gpu-telemetry",
    good.dcgmUrl,
    "--no-probe",
    "--failed-request-threshold",
    "1",
    "--artifact-dir",
    "out",
    "--quiet",
  ];
  const { code, stderr } = await stage.start(["run", ...own, ...load, ...kept]).exit();
  expect(code, stderr).to.equal(0);
  return join(stage.folder, "out", "run.db");
}

describe("the file of a run", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("answers every query of its page", async (stage) => {
    const file = await measured(stage);
    const query = rowsOf(file);
    const queries = queriesOfPage();
    expect(queries.size).to.be.at.least(10);
    const answers = new Map([...queries].map(([title, sql]) => [title, query(sql)]));
    for (const [title, rows] of answers) expect(rows, title).to.not.be.empty;
    const of = (words: string): Row[] => answers.get([...answers.keys()].find((title) => title.includes(words)) ?? "") ?? [];
    const sum = (rows: readonly Row[], column: string): number => rows.reduce((total, row) => total + Number(row[column]), 0);

    const [fast, slow] = of("by target");
    expect(Number(slow?.p50_ms)).to.be.above(Number(fast?.p50_ms));
    expect(Number(fast?.p99_ms)).to.be.at.least(Number(fast?.p50_ms));
    const errors = of("Errors by code");
    expect(errors[0]).to.include({ error_code: "http_5xx", status: 500 });
    const succeeded = 120 - sum(errors, "requests");
    expect(sum(of("Throughput"), "requests")).to.equal(succeeded);
    expect(sum(of("by turn"), "requests")).to.equal(succeeded);
    expect(of("by turn").map(({ turn }) => turn)).to.deep.equal([0, 1]);
    const latencies = of("slowest").map(({ latency_ms: ms }) => Number(ms));
    expect(latencies).to.deep.equal(latencies.toSorted((one, other) => other - one));
    const [{ in_flight: most } = { in_flight: 0 }] = query(
      "SELECT max((SELECT count(*) FROM requests o WHERE o.sent_ns <= r.sent_ns AND o.sent_ns + o.end_ns > r.sent_ns)) AS in_flight FROM requests r",
    );
    expect(Math.max(...of("in flight").map(({ in_flight: level }) => Number(level)))).to.equal(most);
    expect(sum(of("How late"), "requests")).to.be.above(0);
    expect(new Set(of("Power").map(({ subject }) => subject)).size).to.equal(2);
    for (const { watts } of of("Power")) expect(Number(watts)).to.be.above(0);
    expect(of("accounted")).to.have.lengthOf(1);
    expect(of("accounted")[0]).to.include({ adds_up: 1, succeeded });

    if (spawnSync("sqlite3", ["-version"]).error === undefined) {
      const { stdout, stderr } = spawnSync("sh", ["-c", shellOfPage()], { cwd: join(file, ".."), encoding: "utf8" });
      expect(stderr).to.equal("");
      expect(stdout)
        .to.match(/│ profiling │ errored +│ +\d+ +│/)
        .and.to.match(/│ profiling │ succeeded +│ +\d+ +│/);
    }
  });
});
