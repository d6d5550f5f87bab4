import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";
import { MockServer } from "../../../clients/cli/mock-server.ts";

const entry = join(import.meta.dirname, "mock-entry.ts");

describe("the built-in server of a run", () => {
  it("listens on a port of its own until it is stopped", async () => {
    const mock = new MockServer([process.execPath, entry]);
    try {
      const url = await mock.ready();
      expect((await fetch(`${url}/health`)).status).to.equal(200);
      await mock.stop();
      expect(await isListening(url)).to.equal(false);
    } finally {
      await mock.kill();
    }
  });

  it("ends with its parent, however that ends", async () => {
    const parent = spawn(process.execPath, [entry, "own"], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(parent.stdout.setEncoding("utf8"), "data");
    const url = String(line).trim();
    expect(await isListening(url)).to.equal(true);
    parent.kill("SIGKILL");
    while (await isListening(url)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it("says why it does not start", async () => {
    const mock = new MockServer([process.execPath, join(import.meta.dirname, "nothing.ts")]);
    const error = await mock.ready().catch((failure) => failure);
    expect(error.message).to.match(/^the built-in server did not start: exit code 1\n[\s\S]*MODULE_NOT_FOUND/);
    await mock.stop();
  });
});

async function isListening(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    async (response) => (await response.text()) !== "never",
    () => false,
  );
}
