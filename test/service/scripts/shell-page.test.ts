import { tmpdir } from "node:os";
import { expect } from "chai";
import { runShell } from "../../support/shell-page.ts";

describe("a script of a page", function () {
  this.timeout(20_000);

  for (const [end, code] of [
    ["false", 1],
    ["true", 0],
  ] as const) {
    it(`leaves nothing behind that it has started: ${end}`, async () => {
      // Whoever is left holds the pipes open, and there is no answer.
      const script = `sleep 300 & echo said; echo wrong >&2; ${end}`;
      expect(await runShell(script, {}, tmpdir())).to.deep.equal({ code, stdout: "said\n", stderr: "wrong\n" });
    });
  }
});
