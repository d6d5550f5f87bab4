import { expect } from "chai";
import { RunTotals } from "../../../../services/common/observe/run-totals.ts";

describe("totals over runs", () => {
  it("go on where the runs before have ended", () => {
    const totals = new RunTotals(["sent", "lost"]);
    expect(totals.with([])).to.deep.equal({ sent: 0, lost: 0 });
    totals.ended({ sent: 5, lost: 1 });
    totals.ended({ sent: 2, lost: 0 });
    expect(totals.with([{ sent: 1, lost: 1 }])).to.deep.equal({ sent: 8, lost: 2 });
    expect(totals.with([])).to.deep.equal({ sent: 7, lost: 1 });
  });
});
