import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, rowsIn, runFile, type Stage, useStages } from "../support/suite.ts";

const load = ["--concurrency", "16", "--osl", "8", "--isl", "16", "--no-server-metrics", "--export-level", "summary"];

describe("a run with record-processors of its own", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("has workers take turns among them, and goes on after the death of one with nothing lost", async (stage) => {
    const mock = await stage.mock();
    const count = ["--request-count", "600", "--workers-max", "2"];
    const command = stage.run(mock, ...load, ...count, "--record-processors", "2");
    await command.until("rows", () => rowsIn(outOf(stage)) >= 50, 2 * endsWithinMs);
    expect([command.pids("records").length, command.pids("processor").length]).to.deep.equal([1, 2]);
    const [victim = 0] = command.pids("processor");
    command.signal("SIGKILL", victim);
    const { code, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/the process of record-processor ended unexpectedly: SIGKILL; another one takes its place/);
    const file = runFile(outOf(stage));
    expect(file).to.deep.include({ state: "COMPLETED", rows: 600, late: 0, errors: { "": 600 } });
    expectReconciled(file, mock.stats());
    expect(measuredBy(stage).length).to.be.at.least(2);
  });
});

function outOf({ folder }: Stage): string {
  return join(folder, "out");
}

/** Record-processors that rows name. */
function measuredBy(stage: Stage): unknown[] {
  const db = new Database(join(outOf(stage), "run.db"), { readonly: true });
  try {
    return db.prepare("SELECT DISTINCT record_processor_id FROM requests").pluck().all();
  } finally {
    db.close();
  }
}
