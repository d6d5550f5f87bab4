import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStage } from "../support/suite.ts";

describe("a closed loop", function () {
  this.timeout(2 * endsWithinMs);
  const suite = useStage();

  it("gives up the share of requests that it was told to, after they were written, and no request of the warm-up", async () => {
    const mock = await suite.mock({ ttftMs: 300 });
    const cancelled = ["--request-cancellation-rate", "40", "--request-cancellation-delay", "0.05"];
    const counts = ["--request-count", "100", "--warmup-request-count", "20"];
    const { code, stderr } = await suite.run(mock, ...cancelled, ...counts, "--concurrency", "20").exit();
    expect(code, stderr).to.equal(0);
    const file = runFile(join(suite.folder, "out"));
    const [warmup, profiling] = file.phases;
    expect(warmup).to.include({ succeeded: 20, cancelled: 0 });
    // The draw hangs on the seed alone: neither load nor luck changes how many are given up.
    expect(profiling).to.include({ succeeded: 66, errored: 0, cancelled: 34 });
    expect(file.errors).to.deep.equal({ "": 86, cancelled: 34 });
    expect(mock.stats(), "at the server every one of them has arrived").to.include({ requests: 120, completed: 86, aborted: 34 });
    expectReconciled(file, mock.stats());
    const lines = readFileSync(join(suite.folder, "out/profile_export.jsonl"), "utf8").trimEnd().split("\n");
    const errors = lines.map((line) => JSON.parse(line)).filter(({ metadata }) => metadata.was_cancelled);
    expect(errors).to.have.lengthOf(34);
    for (const { error } of errors) expect(error).to.include({ code: 499, type: "RequestCancellationError" });
  });
});
