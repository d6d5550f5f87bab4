import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { Parts } from "../support/parts.ts";
import { type Command, endsWithinMs, expectReconciled, rowsIn, runFile, type Stage, useStages } from "../support/suite.ts";

/** Credits of a block of 4096 are of one shard: so many are of three, and of two. */
const ofThree = 8_600;
const ofTwo = 4_800;
const load = ["--concurrency", "64", "--osl", "4", "--isl", "16", "--no-server-metrics"];
const counted = (requests: number) => [...load, "--request-count", String(requests)];
const others = "controller,dataset,timing,telemetry,worker-manager,record-processor";
const quick = { ttftMs: 1, itlMs: 0 };

describe("a run whose rows several records-managers share", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("has the rows and the report of a run of one records-manager", async (stage) => {
    const mock = await stage.mock(quick);
    const requests = ofThree;
    for (const managers of [1, 3]) {
      const out = `out-${managers}`;
      const command = stage.run(mock, ...counted(requests), "--artifact-dir", out, "--record-managers", String(managers));
      await command.until("records processes", () => command.pids("records").length === managers);
      const { code, stderr } = await command.exit(2 * endsWithinMs);
      expect(code, stderr).to.equal(0);
    }
    const [one, three] = ["out-1", "out-3"].map((name) => join(stage.folder, name));
    const files = [one, three].map((folder) => runFile(folder ?? ""));
    for (const file of files) {
      expect(file).to.deep.include({ state: "COMPLETED", rows: requests, late: 0, errors: { "": requests } });
      expect(file.phases[0]).to.include({ succeeded: requests, is_account_complete: 1, missing_record: 0, missing_lost: 0 });
    }
    expectSameCredits(creditsIn(one ?? ""), creditsIn(three ?? ""));
    expect(filesIn(three ?? "")).to.deep.equal(filesIn(one ?? ""));
    const lines = (folder = "") => readFileSync(join(folder, "profile_export.jsonl"), "utf8").trim().split("\n").length;
    expect([lines(one), lines(three)]).to.deep.equal([requests, requests]);
    expect(exactPercentiles(three ?? "")).to.deep.equal(percentilesInReport(three ?? ""));
  });

  test("goes on after the death of one of the records processes, with nothing lost", async (stage) => {
    const mock = await stage.mock(quick);
    const requests = ofTwo;
    const command = stage.run(mock, ...counted(requests), "--record-managers", "2", "--export-level", "summary");
    await command.until("rows of every shard", () => shardRows(stage, 2).every((rows) => rows > 0), 2 * endsWithinMs);
    const [victim = 0] = command.pids("records").slice(1);
    command.signal("SIGKILL", victim);
    const { code, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/ended unexpectedly: SIGKILL; another one takes its place/);
    const file = runFile(outOf(stage));
    expect(file).to.deep.include({ state: "COMPLETED", rows: requests, late: 0, errors: { "": requests } });
    expect(mock.stats().requests).to.equal(requests);
    expectReconciled(file, mock.stats());
  });

  test("is finished from all its files where all processes are killed at once", async (stage) => {
    const mock = await stage.mock(quick);
    const command = stage.run(mock, ...counted(1_000_000), "--record-managers", "2", "--export-level", "summary");
    await command.until("rows of every shard", () => shardRows(stage, 2).every((rows) => rows > 0), 2 * endsWithinMs);
    await killAll(command);
    const committed = shardRows(stage, 2).reduce((sum, rows) => sum + rows, 0);
    const { code, stdout, stderr } = await stage.start(["runs", "recover", "out"]).exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^recovered: run \S+, FAILED; profiling: \d+ succeeded/);
    const file = runFile(outOf(stage));
    expect(file.rows).to.equal(committed);
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expectReconciled(file, mock.stats());
    expect(filesIn(outOf(stage)).filter((name) => name.startsWith("shard-"))).to.deep.equal([]);
  });
});

describe("a served suite whose rows several records-managers share", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("refuses a run that wants more of them than there are, and takes it when another one has joined", async (stage) => {
    const mock = await stage.mock(quick);
    const parts = new Parts();
    try {
      const { relay } = await parts.start(`${others},records-manager`);
      const args = ["run", "-m", "mock", "-u", mock.url, "--controller", relay.address, "--no-probe", "--workers-max", "1"];
      const run = () => stage.start([...args, ...counted(ofThree), "--record-managers", "2", "--export-level", "summary"]);
      const refused = await run().exit();
      expect(refused.code, refused.stderr).to.equal(2);
      expect(refused.stderr).to.equal(
        "assay run: --record-managers 2: must be at most 1, which is how many records-managers are in the suite, got 2 (record_managers)\n",
      );
      expect(mock.stats().requests).to.equal(0);
      expect((await parts.client().listRuns({})).runs).to.deep.equal([]);
      await parts.start("records-manager");
      const command = run();
      const folder = await parts.folderOfRun();
      await command.until("rows of the second shard", () => rowsIn(join(folder, "shard-1")) > 0, 2 * endsWithinMs);
      const { code, stderr } = await command.exit(2 * endsWithinMs);
      expect(code, stderr).to.equal(0);
      expect(runFile(folder)).to.deep.include({ state: "COMPLETED", rows: ofThree, late: 0, errors: { "": ofThree } });
      expect(filesIn(folder).filter((name) => name.startsWith("shard-"))).to.deep.equal([]);
    } finally {
      await parts.close();
    }
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** Committed rows by shard. */
function shardRows(stage: Stage, count: number): number[] {
  return Array.from({ length: count }, (_, shard) => rowsIn(join(outOf(stage), shard === 0 ? "" : `shard-${shard}`)));
}

async function killAll(command: Command): Promise<void> {
  command.signal("SIGKILL", ...command.processes().map(({ pid }) => pid));
  await command.exit();
  await command.gone();
}

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name !== "logs")
    .sort();
}

/** What is the same of a credit in every run of a seed. */
function creditsIn(folder: string): Map<number, string> {
  const columns = "credit_id, phase, conversation, turn, session_num, input_sequence_length, output_sequence_length, error_code";
  const rows = query(folder, `SELECT ${columns} FROM requests`) as [number, ...unknown[]][];
  return new Map(rows.map(([creditId, ...facts]) => [creditId, JSON.stringify(facts)]));
}

/** A credit that came back unsent in one of the runs has another's turn in that: those apart, all are the same. */
function expectSameCredits(some: ReadonlyMap<number, string>, others: ReadonlyMap<number, string>): void {
  const shared = [...some.keys()].filter((creditId) => others.has(creditId));
  expect(shared.length).to.be.at.least(some.size - 128);
  const unlike = shared.filter((creditId) => some.get(creditId) !== others.get(creditId));
  expect(unlike.length, `credits that are not the same, as ${unlike[0]}`).to.be.at.most(128);
}

/** p50 and p99 of the latency of requests by SQL, between ranks. */
function exactPercentiles(folder: string): number[] {
  const values = query(folder, "SELECT request_latency FROM requests ORDER BY request_latency").map(([value]) => value as number);
  return [0.5, 0.99].map((share) => {
    const rank = share * (values.length - 1);
    const below = values[Math.floor(rank)] ?? Number.NaN;
    return rounded(below + (rank % 1) * ((values[Math.ceil(rank)] ?? Number.NaN) - below));
  });
}

function percentilesInReport(folder: string): number[] {
  const path = join(folder, "profile_export_aiperf.json");
  const { p50, p99 } = JSON.parse(readFileSync(path, "utf8")).request_latency as { p50: number; p99: number };
  return [rounded(p50), rounded(p99)];
}

function rounded(value: number): number {
  return Number(value.toFixed(6));
}

function query(folder: string, sql: string): unknown[][] {
  const path = join(folder, "run.db");
  expect(existsSync(path)).to.equal(true);
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).raw().all() as unknown[][];
  } finally {
    db.close();
  }
}
