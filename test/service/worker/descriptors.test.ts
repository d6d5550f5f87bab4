import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { plainAnswer, startScripted } from "./scripted-server.ts";

const script = join(import.meta.dirname, "many-requests.ts");

describe("a worker without file descriptors", () => {
  it("sends what it can; the other requests are unsendable, and nothing is thrown", async () => {
    const waiting: (() => void)[] = [];
    const server = await startScripted(({ socket }) => {
      waiting.push(() => socket.write(plainAnswer("ok")));
      // Nobody is answered before everybody who can be has come.
      clearTimeout(timer);
      timer = setTimeout(() => waiting.splice(0).forEach((answer) => void answer()), 300);
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      const command = `ulimit -n 60; exec "${process.execPath}" "${script}" ${server.origin} 100`;
      const { stdout, stderr } = await promisify(execFile)("sh", ["-c", command], { timeout: 15_000 });
      expect(stderr).to.equal("");
      const outcomes = JSON.parse(stdout) as (string | number)[];
      expect(outcomes).to.have.lengthOf(100);
      expect(new Set(outcomes)).to.deep.equal(new Set([200, "unsendable"]));
      expect(server.requests).to.have.lengthOf(outcomes.filter((outcome) => outcome === 200).length);
    } finally {
      await server.stop();
    }
  });
});
