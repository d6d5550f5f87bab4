import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect } from "chai";
import { violationsOf } from "../support/schemas.ts";
import { blocksOf } from "../support/shell-page.ts";
import { type PhaseAccount, runFile } from "../support/suite.ts";
import { type Ended, type HostProcess, TestNetwork } from "./network.ts";

const readme = join(import.meta.dirname, "../../README.md");
const targetPort = 8000;
const answerMs = 20;
/** By so much the clock of one load host runs ahead of the others'. */
const aheadSec = 5_000;
const runsWithinMs = 100_000;
const cutMs = 5_000;
const pollMs = 50;

/** Commands of the README, by what they are for. */
interface Commands {
  readonly bench: readonly string[];
  readonly copy: readonly string[];
  readonly host: readonly string[];
  readonly run: readonly string[];
  readonly summary: readonly string[];
}

/** A row of `requests`, in ns of suite time. */
interface Row {
  readonly request_id: string;
  readonly host: string | null;
  readonly status: number;
  readonly due_ns: number;
  readonly sent_ns: number;
  readonly end_ns: number;
  readonly error_code: string | null;
}

/** The commands of the section, each in one line; three of them with a place to fill. */
async function commandsOfReadme(): Promise<Commands> {
  const [, rest = ""] = readFileSync(readme, "utf8").split("\n## On several machines\n");
  const [section = ""] = rest.split("\n## ");
  const blocks = (await blocksOf(readme, "sh")).filter((block) => section.includes(block));
  const [bench = [], copy = [], host = [], run = [], summary = [], ...more] = blocks.map((block) =>
    block
      .replaceAll(/ *\\\n */g, " ")
      .trim()
      .split("\n"),
  );
  expect(more, "blocks of the section that nobody follows").to.deep.equal([]);
  return { bench, copy, host, run, summary };
}

describe("a suite on three machines, as the README says", function () {
  this.timeout(2 * runsWithinMs);
  let network: TestNetwork;
  let commands: Commands;
  let target: HostProcess;
  let targetLog: string;
  const serving: HostProcess[] = [];

  before(async () => {
    commands = await commandsOfReadme();
    network = new TestNetwork(["bench", "load-1", "load-2"]);
    targetLog = join(network.folder, "received.log");
    const program = join(import.meta.dirname, "target.ts");
    target = network.start("load-1", [process.execPath, program, String(targetPort), targetLog, String(answerMs)]);
    await target.says(/listening/);
    await follow("bench", commands.bench);
    await follow("bench", commands.copy);
    await Promise.all([follow("load-1", commands.host), follow("load-2", commands.host, aheadSec)]);
  });
  after(() => network?.remove());
  afterEach(function () {
    if (this.currentTest?.state !== "failed") return;
    for (const { stderr } of serving) process.stderr.write(`${stderr().slice(-3000)}\n`);
  });

  /** Does what a person does with a block: one command after the other; what serves goes on in a terminal of its own. */
  async function follow(host: string, block: readonly string[], clockAheadSec = 0): Promise<string> {
    let said = "";
    for (const command of block) {
      if (command.startsWith("assay serve")) {
        const served = network.start(host, ["bash", "-c", `exec ${command}`], { clockAheadSec });
        serving.push(served);
        await served.says(/^listening on \S+/m);
        continue;
      }
      const { code, stdout, stderr } = await network.run(host, command, { withinMs: runsWithinMs });
      expect(code, `${command}\n${stdout}${stderr}`).to.equal(0);
      said += stdout;
    }
    return said;
  }

  /** The run of the README, against the target, with what a test asks for besides. */
  const runCommand = (...args: readonly string[]): string => {
    const [command = ""] = commands.run;
    const filled = command.replace(" MODEL ", " m ").replace(" URL ", ` http://load-1:${targetPort} `);
    return [filled, ...args].join(" ");
  };

  /** Requests that the target has received, each with its moment. Fails where one came twice. */
  function received(): Map<string, number> {
    const lines = readFileSync(targetLog, "utf8").trim().split("\n");
    const found = new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), Number(line.slice(line.indexOf(" ") + 1))]));
    expect(found.size, "requests came twice").to.equal(lines.length);
    return found;
  }

  async function until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + runsWithinMs;
    while (!condition()) {
      if (performance.now() > deadlineMs) expect.fail(`waited ${runsWithinMs} ms in vain for ${what}`);
      await delay(pollMs);
    }
  }

  /** Where the last run of the suite is kept. */
  function lastRun(): string {
    const folder = join(network.folderOf("bench"), ".local/share/assay/runs");
    const runs = readdirSync(folder).filter((name) => existsSync(join(folder, name, "run.db")));
    return join(folder, runs.sort().at(-1) ?? "");
  }

  function rowsOf(folder: string): Row[] {
    const db = new Database(join(folder, "run.db"), { readonly: true });
    try {
      const columns = "request_id, members.host, status, due_ns, sent_ns, sent_ns + end_ns AS end_ns, error_code";
      return db
        .prepare(`SELECT ${columns} FROM requests LEFT JOIN members ON member_id = worker_id ORDER BY sent_ns`)
        .all() as Row[];
    } finally {
      db.close();
    }
  }

  /** Requests that the target has received since a run began: not the one by which it was looked at before. */
  function ownIds(rows: readonly Row[], before: ReadonlySet<string>): Set<string> {
    const beganNs = Math.min(...rows.map(({ due_ns: dueNs }) => dueNs));
    const since = [...received()].filter(([id, receivedNs]) => !before.has(id) && receivedNs >= beganNs);
    return new Set(since.map(([id]) => id));
  }

  /** By the run's own account and by the target's: nothing is counted twice, and nothing is left out. */
  function expectAccounted(
    folder: string,
    before: ReadonlySet<string>,
  ): { readonly rows: Row[]; readonly account: PhaseAccount } {
    const file = runFile(folder);
    const [account] = file.phases;
    if (account === undefined) expect.fail("the run has no phase");
    const recorded = account.succeeded + account.errored + account.cancelled;
    const known = recorded + account.unused + account.dropped + account.missing_record + account.missing_lost;
    expect([file.state, account.closed, account.is_account_complete, account.unaccounted]).to.deep.equal(["COMPLETED", 1, 1, 0]);
    expect(account.drawn, JSON.stringify(account)).to.equal(known);
    expect([file.rows, file.conflicts]).to.deep.equal([recorded, 0]);
    const rows = rowsOf(folder);
    const own = ownIds(rows, before);
    const answered = rows.filter(({ status }) => status === 200);
    expect(
      answered.filter(({ request_id: id }) => !own.has(id)),
      "answers to what the target never saw",
    ).to.deep.equal([]);
    // What the target has seen without a row was lost with its worker; what has a row and was not seen has failed.
    const known200 = new Set(rows.map(({ request_id: id }) => id));
    const unknown = [...own].filter((id) => !known200.has(id)).length;
    expect(unknown).to.be.at.most(account.missing_lost + account.missing_record + file.late);
    return { rows, account };
  }

  const countBy = (rows: readonly Row[], fromNs = 0): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { host, sent_ns: sentNs } of rows) if (sentNs >= fromNs) counts[`${host}`] = (counts[`${host}`] ?? 0) + 1;
    return counts;
  };

  it("has one exact report of all of them, by the target's own record", async () => {
    const seen = new Set<string>();
    const text = await follow("bench", [runCommand()]);
    const folder = lastRun();
    const { rows, account } = expectAccounted(folder, seen);
    expect([account.succeeded, account.drawn - account.unused, rows.length]).to.deep.equal([1000, 1000, 1000]);
    expect(rows.map(({ request_id: id }) => id).sort()).to.deep.equal([...ownIds(rows, seen)].sort());
    const counts = countBy(rows);
    expect(Object.keys(counts).sort()).to.deep.equal(["load-1", "load-2"]);

    expect(text)
      .to.match(/Load Hosts/)
      .and.match(/│ load-1 +│/)
      .and.match(/│ load-2 +│/);
    const exported = JSON.parse(readFileSync(exportedBy(text), "utf8"));
    expect(violationsOf("profile_export_aiperf", exported)).to.deep.equal([]);
    const hosts = exported.assay.phases[0].hosts as { host: string; succeeded: number; clock: Record<string, number> }[];
    expect(Object.fromEntries(hosts.map(({ host, succeeded }) => [host, succeeded]))).to.deep.equal(counts);
    const [near, far] = hosts.map(({ clock }) => clock);
    expect(near).to.deep.equal({ offset_ns: 0, uncertainty_ns: 0, drift_ppm: 0 });
    expect(far?.offset_ns).to.be.within(-aheadSec * 1e9 - 1e9, -aheadSec * 1e9 + 1e9);
    expect(far?.uncertainty_ns).to.be.within(1, 1e9);

    const groups = await follow("bench", commands.summary);
    for (const [host, count] of Object.entries(counts))
      expect(groups).to.match(new RegExp(`${host}[ │]+${count.toLocaleString("en")} `));
  });

  it("sends when requests are due and stamps when it did, whatever a host's own clock says", async () => {
    const folder = lastRun();
    const stamps = received();
    const db = new Database(join(folder, "run.db"), { readonly: true });
    const uncertaintyNs = db.prepare("SELECT max(clock_uncertainty_ns) FROM members").pluck().get() as number;
    db.close();
    let latestDueNs = 0;
    const byReceipt = rowsOf(folder).sort(
      (one, other) => (stamps.get(one.request_id) ?? 0) - (stamps.get(other.request_id) ?? 0),
    );
    for (const { request_id: id, due_ns: dueNs, sent_ns: sentNs, end_ns: endNs, host } of byReceipt) {
      const receivedNs = stamps.get(id) ?? Number.NaN;
      // An offset that is off either way has requests received before they were sent, or answered before they were received.
      expect(receivedNs - sentNs, `${id} of ${host} was received before it was sent`).to.be.at.least(-uncertaintyNs);
      expect(endNs - receivedNs, `${id} of ${host} was answered before its time`).to.be.at.least(
        answerMs * 1e6 - 1e6 - uncertaintyNs,
      );
      expect(receivedNs - dueNs, `${id} of ${host} was received before it was due`).to.be.at.least(-uncertaintyNs - 1e6);
      expect(latestDueNs - dueNs, `${id} of ${host} came out of order`).to.be.below(2e9);
      latestDueNs = Math.max(latestDueNs, dueNs);
    }
  });

  it("goes on while a host is cut off for five seconds, takes it in again, and loses no account", async () => {
    const seen = new Set(received().keys());
    const run = network.start("bench", [
      "bash",
      "-c",
      `exec ${runCommand("--request-count 3000", "--failed-request-threshold 1")}`,
    ]);
    await until("requests of the run", () => received().size >= seen.size + 300);
    network.cut("load-2");
    await delay(cutMs);
    network.heal("load-2");
    const healedNs = Number(process.hrtime.bigint());
    await completed(await run.ended(runsWithinMs));
    const { rows } = expectAccounted(lastRun(), seen);
    expect(countBy(rows, healedNs)["load-2"] ?? 0, "requests of the host since it was taken in again").to.be.above(0);
  });

  it("goes on without a host that dies, and says what was lost with it", async () => {
    const seen = new Set(received().keys());
    const run = network.start("bench", [
      "bash",
      "-c",
      `exec ${runCommand("--request-count 2000", "--failed-request-threshold 1")}`,
    ]);
    await until("requests of the run", () => received().size >= seen.size + 300);
    network.kill("load-2");
    await completed(await run.ended(runsWithinMs));
    const folder = lastRun();
    const { rows, account } = expectAccounted(folder, seen);
    expect(account.succeeded).to.be.above(1000);
    expect(countBy(rows)["load-1"]).to.be.above(countBy(rows)["load-2"] ?? 0);
    const lost = runFile(folder).events.filter(({ kind }) => kind === "member_lost" || kind === "worker_lost");
    expect(lost.map(({ message }) => message).join("\n")).to.match(/worker-manager-\d: its process is gone/);
  });
});

/** The file of AIPerf's summary that a report names. */
function exportedBy(report: string): string {
  const [, folder = ""] = /^Files: (.+?): /m.exec(report.replaceAll(/\n(?!\n)/g, "\n")) ?? [];
  const path = join(folder, "profile_export_aiperf.json");
  expect(existsSync(path), `${path} of ${report.slice(-600)}`).to.equal(true);
  return path;
}

async function completed({ code, stdout, stderr }: Ended): Promise<void> {
  expect(code, `${stdout.slice(-3000)}\n${stderr.slice(-3000)}`).to.equal(0);
}
