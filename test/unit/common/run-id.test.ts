import { expect } from "chai";
import { isRunId, newRunId } from "../../../services/common/run-id.ts";

describe("the id of a run", () => {
  it("is a name that leads out of no folder, on any system", () => {
    expect(isRunId(newRunId())).to.equal(true);
    for (const text of ["", ".", "..", "../x", "/x", "a/b", "a\\b", "C:x", "a\0", "a\n", "A", "-a", "a".repeat(65)]) {
      expect(isRunId(text), JSON.stringify(text)).to.equal(false);
    }
  });
});
