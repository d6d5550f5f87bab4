import { expect } from "chai";
import { maxRestarts, takesRestart } from "../../../services/worker-manager/core/restarts.ts";

describe("a line of workers", () => {
  it("is restarted three times, and then given up", () => {
    const line = { line: 1, restarts: 0 };
    const taken = Array.from({ length: 6 }, () => takesRestart(line));
    expect(taken).to.deep.equal([true, true, true, false, false, false]);
    expect(line.restarts).to.equal(maxRestarts);
  });
});
