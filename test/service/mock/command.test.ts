import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
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
  return runThis(process.execPath, main, ...argv);
}

function runThis(program: string, ...argv: string[]): Run {
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"] });
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

  it("goes on where it has no file descriptors left for a connection", async function () {
    if (process.platform !== "linux") this.skip();
    const command = `ulimit -n 64; exec "${process.execPath}" "${main}" --grpc-port 0`;
    const { child, out, err, exit } = runThis("sh", "-c", command);
    const sockets: Socket[] = [];
    try {
      while (out().split("\n").length < 3) await once(child.stdout ?? child, "data");
      const [url = "", grpcUrl = ""] = out().match(/\w+:\/\/\S+/g) ?? [];
      for (const { port } of [new URL(url), new URL(grpcUrl)]) {
        for (let index = 0; index < 60; index++) sockets.push(connect(Number(port), "127.0.0.1").on("error", () => {}));
        await Promise.all(sockets.map((socket) => (socket.connecting ? once(socket, "connect") : undefined)));
        for (const socket of sockets.splice(0)) socket.destroy();
      }
      expect((await fetch(`${url}/v1/models`)).status).to.equal(200);
      child.kill();
      expect(await exit, err()).to.equal(0);
    } finally {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
    }
  });

  it("exits with 2 and names every wrong argument", async () => {
    const { out, err, exit } = run("--osl", "0", "--nonsense");
    expect(await exit).to.equal(2);
    expect(out()).to.equal("");
    expect(err()).to.contain("--osl must be").and.contain("unknown option --nonsense");
  });

  it("exits with 2 and a line each for distributions and failures that are none", async () => {
    const { err, exit } = run("--ttft", "normal:50", "--fail", "429:0.6,reset:0.6", "--tokens-per-chunk=0");
    expect(await exit).to.equal(2);
    const lines = err().trimEnd().split("\n");
    expect(lines).to.have.length(4);
    expect(lines[0]).to.match(/^assay mock: --ttft must be a number .*normal:MEAN,SD.*, got normal:50$/);
    expect(lines[1]).to.match(/^assay mock: --tokens-per-chunk must be an integer from 1 .*, got 0$/);
    expect(lines[2]).to.match(
      /^assay mock: --fail must be KIND:RATE with rates that add up to 1 at most, got 429:0\.6,reset:0\.6$/,
    );
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
