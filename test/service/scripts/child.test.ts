import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect } from "chai";

/** Runs `program` as `npm start` runs the benchmark: under a parent that hands signals on. */
function runUnderParent(program: string): { parent: ChildProcess; lines: AsyncIterator<string>; end: Promise<unknown[]> } {
  const url = new URL("../../../scripts/child.mjs", import.meta.url);
  const source = `import { runInForeground } from ${JSON.stringify(url.href)};
    await runInForeground(process.execPath, ["--eval", ${JSON.stringify(program)}]);`;
  const args = ["--input-type=module", "--eval", source];
  // A session of its own has no terminal, wherever the tests run.
  const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], detached: true, timeout: 15_000 });
  if (parent.stdout === null) throw new Error("stdout is a pipe");
  const lines = createInterface(parent.stdout)[Symbol.asyncIterator]();
  return { parent, lines, end: once(parent, "exit") };
}

describe("a command in the foreground", () => {
  it("ends with the exit code of its child", async () => {
    expect(await runUnderParent("process.exit(7)").end).to.deep.equal([7, null]);
  });

  it("ends by the signal that ended its child", async () => {
    expect(await runUnderParent('process.kill(process.pid, "SIGKILL")').end).to.deep.equal([null, "SIGKILL"]);
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    it(`hands ${signal} on and waits for the child to end`, async () => {
      const { parent, lines, end } = runUnderParent(`
        setInterval(() => {}, 1000);
        process.on("${signal}", () => { console.log("heard"); setImmediate(() => process.exit(${code})); });
        console.log("ready");`);
      expect((await lines.next()).value).to.equal("ready");
      parent.kill(signal);
      expect((await lines.next()).value).to.equal("heard");
      expect(await end).to.deep.equal([code, null]);
    });
  }

  it("takes a signal that comes by two ways for one", async () => {
    const { parent, lines, end } = runUnderParent(`
      let heard = 0;
      process.on("SIGINT", () => console.log("heard", ++heard));
      process.on("SIGTERM", () => { console.log("heard in all", heard); process.exit(0); });
      setInterval(() => {}, 1000);
      console.log("ready");`);
    await lines.next();
    parent.kill("SIGINT");
    parent.kill("SIGINT");
    expect((await lines.next()).value).to.equal("heard 1");
    parent.kill("SIGTERM");
    expect((await lines.next()).value).to.equal("heard in all 1");
    expect(await end).to.deep.equal([0, null]);
  });
});
