import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const main = fileURLToPath(new URL("../../../mock/main.ts", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<number | null>;
}

function run(...argv: string[]): Run {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (piece) => {
    out += piece;
  });
  child.stderr.on("data", (piece) => {
    err += piece;
  });
  return { child, out: () => out, err: () => err, exit: once(child, "close").then(([code]) => code) };
}

describe("mock command", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`prints where it listens on one line of stdout, and exits with 0 on ${signal} even in mid-stream`, async () => {
      const { child, out, exit } = run("--ttft=60000");
      await once(child.stdout ?? child, "data");
      expect(out()).to.match(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
      const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }], stream: true });
      const url = out().trim().replace("listening on ", "");
      const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
      const cut = response.text().then(
        () => "whole",
        () => "cut",
      );
      child.kill(signal);
      expect(await exit).to.equal(0);
      expect(await cut).to.equal("cut");
      expect(out().split("\n")).to.have.length(2);
    });
  }

  it("exits with 2 and names every wrong argument", async () => {
    const { out, err, exit } = run("--osl", "0", "--nonsense");
    expect(await exit).to.equal(2);
    expect(out()).to.equal("");
    expect(err()).to.contain("--osl must be").and.contain("unknown option --nonsense");
  });

  it("exits with 1 when it cannot listen", async () => {
    const { err, exit } = run("--host", "203.0.113.1");
    expect(await exit).to.equal(1);
    expect(err()).to.contain("cannot listen on 203.0.113.1:0");
  });

  it("shows its options and exits with 0 on --help", async () => {
    const { out, exit } = run("--help");
    expect(await exit).to.equal(0);
    expect(out()).to.contain("--dcgm-port N");
  });
});
