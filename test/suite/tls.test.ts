/** A suite with TLS, certificates and tokens: the commands of the page as they stand there. */
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createMock } from "../../mock/server.ts";
import { program } from "../support/served-suite.ts";
import { runShell, shellBlocksOf } from "../support/shell-page.ts";

/** A dozen commands, each loaded from its sources. */
const endsWithinMs = 240_000;
const page = join(import.meta.dirname, "../../docs/tls.md");

describe("a suite that others reach", function () {
  this.timeout(endsWithinMs + 20_000);

  it("is set up, used and given new certificates and tokens by the commands of its page", async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-tls-"));
    const mock = await createMock({ ttftMs: 5, itlMs: 1 });
    try {
      const own = join(folder, "assay");
      await writeFile(own, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
      await chmod(own, 0o755);
      const env = {
        PATH: `${folder}:${process.env.PATH}`,
        SUITE: `127.0.0.1:${await freePort()}`,
        LISTEN: "127.0.0.1",
        TARGET_URL: mock.url,
        XDG_RUNTIME_DIR: join(folder, "run"),
        XDG_DATA_HOME: join(folder, "data"),
        XDG_CACHE_HOME: join(folder, "cache"),
        // One worker, started beside everything else, is what a busy machine has time for.
        ASSAY_PRESPAWN: "1",
        ASSAY_WORKERS_MAX: "1",
      };
      const { code, stdout, stderr } = await runShell((await shellBlocksOf(page)).join("\n"), env, folder, endsWithinMs);
      const log = await readFile(join(folder, "serve.log"), "utf8");
      expect(code, `${stdout}${stderr}${log}`).to.equal(0);
      expect(stdout).to.match(/^SERVING assay\.controller\.v1\.RunService$/m);
      expect(stdout).to.match(/\bcompleted\b/i);
      expect(stdout).to.match(/a run was created.*token ann/);
      expect(stdout.trim().split("\n").at(-1)).to.equal("refused: 1");
      expect(stderr).to.include(" does not know this token (--token-file, ASSAY_TOKEN)");
      expect(mock.stats().requests).to.be.at.least(20);
    } finally {
      await mock.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
