import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { createCertWorkshop } from "../../support/certs.ts";
import { FakeSuite } from "./fake-suite.ts";
import { FakeTerminal } from "./fake-terminal.ts";

describe("the command line", () => {
  let terminal: FakeTerminal;

  beforeEach(() => {
    terminal = new FakeTerminal();
  });

  for (const argv of [
    ["--help"],
    ["help"],
    ["-h"],
    ["help", "runs", "show"],
    ["run", "--help"],
    ["profile", "-h", "--nonsense"],
    ["health", "--help"],
  ]) {
    it(`shows help on stdout for ${argv.join(" ")}`, async () => {
      expect(await runCli(argv, terminal)).to.equal(exitCodes.ok);
      expect(terminal.stdout).to.match(/^assay/);
      expect(terminal.stderr).to.equal("");
    });
  }

  it("shows its version, its commit and its Node", async () => {
    expect(await runCli(["--version"], terminal)).to.equal(exitCodes.ok);
    expect(terminal.stdout).to.match(/^assay \d+\.\d+\.\d+ \(commit ([0-9a-f]{7,}|unknown), Node v[\d.]+\)\n$/);
  });

  it("refuses an unknown command with the nearest one", async () => {
    expect(await runCli(["xyz"], terminal)).to.equal(exitCodes.usage);
    expect(await runCli(["rnu"], terminal)).to.equal(exitCodes.usage);
    expect(await runCli([], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr)
      .to.include("assay: xyz: unknown command\n")
      .and.include("assay: rnu: unknown command, did you mean run?\n");
    expect(terminal.stderr).to.include("assay: expected a command\n");
  });

  for (const [line, words] of [
    ["plot --paths out", "assay: plot: a command of AIPerf that assay does not have: nothing is plotted"],
    [
      "config validate --config-file x",
      "assay: config validate: a command of AIPerf that assay does not have: assay config show -f",
    ],
    ["analyze swim-lane", "assay: analyze: a command of AIPerf"],
    ["--install-completion", "assay: --install-completion: a command of AIPerf that assay does not have: assay completion SHELL"],
  ] as const) {
    it(`refuses a command of AIPerf by name, with the nearest thing: ${line}`, async () => {
      expect(await runCli(line.split(" "), terminal)).to.equal(exitCodes.usage);
      expect(terminal.stderr).to.include(words);
    });
  }

  it("says everything that is wrong under the name that was used, before anything is started", async () => {
    expect(await runCli(["profile", "--concurrency", "0", "--isk", "5"], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr.split("\n")).to.deep.equal([
      "assay profile: --concurrency 0: expected an integer from 1 to 4294967295",
      "assay profile: --isk: unknown option, did you mean --isl?",
      "assay profile: --model: expected the name of the model to ask for",
      "assay profile --help lists the options",
      "",
    ]);
    expect(terminal.stdout).to.equal("");
  });

  it("survives a reader that is gone", async () => {
    const command = new URL("../../../clients/cli/command.ts", import.meta.url).href;
    const program = `const { runCli } = await import(${JSON.stringify(command)});
      process.stdin.once("data", async () => {
        const codes = [await runCli(["run", "--help"]), await runCli(["run", "--help"])];
        setTimeout(() => { process.stderr.write("codes " + codes); process.exit(); }, 50);
      });
      process.stderr.write("up ");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (stderr === "up ") {
        child.stdout.destroy();
        child.stdin.end("go\n");
      }
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(stderr).to.equal("up codes 0,0");
  });
});

describe("assay health", () => {
  let suite: FakeSuite;
  let terminal: FakeTerminal;

  beforeEach(async () => {
    suite = new FakeSuite();
    await suite.start();
    terminal = new FakeTerminal();
  });

  afterEach(async () => suite.stop());

  it("lists what serves", async () => {
    expect(await runCli(["health", "--controller", suite.address], terminal)).to.equal(exitCodes.ok);
    const lines = terminal.stdout.trimEnd().split("\n");
    expect(lines).to.include(`SERVING ${suite.address}`).and.include("SERVING assay.controller.v1.RunService");
  });

  it("asks the suite that the environment names, and no other", async () => {
    const named = new FakeTerminal({ env: { ASSAY_CONTROLLER: suite.address } });
    expect(await runCli(["health"], named)).to.equal(exitCodes.ok);
    expect(await runCli(["health"], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr).to.equal(
      "assay health: --controller: expected the HOST:PORT of a suite\nassay health --help lists the options\n",
    );
  });

  it("speaks TLS with a suite that does, and names a certificate that cannot be read", async () => {
    const workshop = createCertWorkshop();
    const folder = await mkdtemp(join(tmpdir(), "assay-tls-"));
    const secure = new FakeSuite();
    try {
      const ca = workshop.ca("suite");
      await secure.start({ insecure: true }, ca.issue("assay", "IP:127.0.0.1"));
      await writeFile(join(folder, "ca.pem"), ca.cert);
      const argv = ["health", "--controller", secure.address];
      expect(await runCli([...argv, "--tls-ca", join(folder, "ca.pem")], terminal), terminal.stderr).to.equal(exitCodes.ok);
      expect(await runCli(argv, terminal)).to.equal(exitCodes.failed);
      expect(await runCli([...argv, "--tls"], terminal)).to.equal(exitCodes.failed);
      expect(await runCli([...argv, "--tls-ca", join(folder, "none.pem")], terminal)).to.equal(exitCodes.usage);
      expect(terminal.stderr).to.match(/--tls-ca .*none\.pem: cannot be read: ENOENT/);
    } finally {
      await secure.stop();
      await rm(folder, { recursive: true });
      workshop.remove();
    }
  });

  it("fails where one service does not serve", async () => {
    suite.setHealth("assay.controller.v1.RunService", false);
    expect(await runCli(["health", "--controller", suite.address], terminal)).to.equal(exitCodes.failed);
    expect(terminal.stdout).to.include("NOT_SERVING assay.controller.v1.RunService\n");
  });

  it("fails where nobody listens", async () => {
    await suite.stop();
    expect(await runCli(["health", "--controller", suite.address], terminal)).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.match(/^assay health: .*ECONNREFUSED/);
  });

  it("fails where somebody listens and says nothing", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
    });
    const port = await new Promise<number>((resolve) => {
      mute.listen(0, "127.0.0.1", () => resolve((mute.address() as { port: number }).port));
    });
    try {
      expect(await runCli(["health", "--controller", `127.0.0.1:${port}`], terminal)).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.match(/^assay health: /);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => mute.close(resolve));
    }
  });
});

describe("the token of a suite elsewhere", () => {
  let folder = "";
  let suite: FakeSuite;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-token-"));
    suite = new FakeSuite();
    await suite.start({ tokens: { "right-token": "operator" } });
    suite.show({ state: RunState.COMPLETED });
  });

  afterEach(async () => {
    await suite.stop();
    await rm(folder, { recursive: true });
  });

  async function attempt(argv: readonly string[], env: Record<string, string>): Promise<{ code: number; stderr: string }> {
    const terminal = new FakeTerminal({ cwd: folder, env });
    const code = await runCli(["run", "-m", "m", "--quiet", "--controller", suite.address, ...argv], terminal);
    return { code, stderr: terminal.stderr };
  }

  async function writeToken(path: string, text: string, mode = 0o600): Promise<string> {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
    await chmod(join(folder, path), mode);
    return join(folder, path);
  }

  it("comes from the file that was named", async () => {
    const file = await writeToken("token", "right-token\n", 0o644);
    expect((await attempt(["--token-file", file], { ASSAY_TOKEN: "wrong-token" })).code).to.equal(exitCodes.ok);
  });

  it("else comes from the environment", async () => {
    await writeToken("run/assay/token", "wrong-token");
    const env = { ASSAY_TOKEN: "right-token", XDG_RUNTIME_DIR: join(folder, "run") };
    expect((await attempt([], env)).code).to.equal(exitCodes.ok);
  });

  for (const [name, path, env] of [
    ["XDG_RUNTIME_DIR", "run/assay/token", "run"],
    ["HOME", ".cache/assay/token", ""],
  ] as const) {
    it(`else comes from the file that a suite on this host wrote, by ${name}`, async () => {
      await writeToken(path, "right-token");
      expect((await attempt([], { [name]: join(folder, env) })).code).to.equal(exitCodes.ok);
    });
  }

  it("is not taken from such a file that others can read", async () => {
    await writeToken("run/assay/token", "right-token", 0o640);
    const { code, stderr } = await attempt([], { XDG_RUNTIME_DIR: join(folder, "run") });
    expect(code).to.equal(exitCodes.usage);
    expect(stderr).to.match(/the token in .*run\/assay\/token is open to others/);
  });

  it("is missed by the suite where there is none", async () => {
    const { code, stderr } = await attempt([], {});
    expect(code).to.equal(exitCodes.failed);
    expect(stderr).to.match(/^assay run: /);
    expect(suite.created).to.deep.equal([]);
  });

  it("is said to be unreadable, or no token", async () => {
    expect((await attempt(["--token-file", join(folder, "none")], {})).stderr).to.match(/reading the token from .*none: ENOENT/);
    const file = await writeToken("empty", "\n");
    expect((await attempt(["--token-file", file], {})).stderr).to.match(/the token in .*empty must be one word/);
  });
});
