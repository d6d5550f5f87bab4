import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { listSuite } from "../../../services/common/suite-files.ts";
import { FakeSuite } from "./fake-suite.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const token = "right-token";
const running = { state: RunState.RUNNING, phase: "profiling", phases: [{ index: 0, name: "profiling" }] };

describe("assay watch, where no suite is named", () => {
  let folder = "";
  let env: Record<string, string> = {};
  let suites: FakeSuite[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-watch-"));
    env = { XDG_RUNTIME_DIR: folder };
    suites = [];
  });

  afterEach(async () => {
    await Promise.all(suites.map((suite) => suite.stop()));
    rmSync(folder, { recursive: true });
  });

  /** A suite of this user, with a run that goes on. */
  async function suiteWith(runId: string): Promise<FakeSuite> {
    const suite = new FakeSuite();
    suites.push(suite);
    await suite.start({ tokens: { [token]: ["operator"] } });
    suite.show({ ...running, runId });
    listSuite({ address: suite.address, startedBy: "assay run", token }, env);
    return suite;
  }

  async function watch(...argv: string[]) {
    const terminal = new FakeTerminal({ cwd: folder, env });
    const code = await runCli(["watch", ...argv], terminal);
    return { code, stdout: terminal.stdout, stderr: terminal.stderr };
  }

  it("takes the only run that goes on, and reaches its suite with the token of its file", async () => {
    const suite = await suiteWith("run-a");
    const { code, stdout, stderr } = await watch("--set-rate", "5");
    expect(code, stderr).to.equal(exitCodes.ok);
    expect(stdout).to.equal("run-a: rate 5 per second\n");
    expect(suite.adjusted.map(({ runId, adjust }) => [runId, adjust?.ratePerSec])).to.deep.equal([["run-a", 5]]);
  });

  it("lists the runs of several suites and touches none, exit code 2", async () => {
    const [one, two] = [await suiteWith("run-a"), await suiteWith("run-b")];
    const { code, stderr } = await watch("--pause");
    expect(code).to.equal(exitCodes.usage);
    expect(stderr).to.include("assay watch: 2 runs go on, name one of them:\n");
    for (const [runId, { address }] of [
      ["run-a", one],
      ["run-b", two],
    ] as const) {
      expect(stderr).to.include(`  ${runId}  running  ${address} (assay run, process ${process.pid})`);
    }
    expect([...one.adjusted, ...two.adjusted]).to.deep.equal([]);
  });

  it("finds a run by its name in whichever suite it goes on", async () => {
    const [one, two] = [await suiteWith("run-a"), await suiteWith("run-b")];
    expect((await watch("run-b", "--pause")).code).to.equal(exitCodes.ok);
    expect([one.adjusted.length, two.adjusted.length]).to.deep.equal([0, 1]);
    const { code, stderr } = await watch("run-c", "--pause");
    expect([code, stderr]).to.deep.equal([
      exitCodes.failed,
      "assay watch: run-c: no such run goes on on this machine; assay runs show says what became of it\n",
    ]);
  });

  it("follows it over one stream, on which keys change its load and stop it", async () => {
    const suite = await suiteWith("run-a");
    const terminal = new FakeTerminal({ cwd: folder, env, hasKeys: true });
    suite.show({ ...running, runId: "run-a" }, [{ kind: "worker_lost", message: "worker w1 was lost" }]);
    const exit = runCli(["watch"], terminal);
    await terminal.seen("worker w1 was lost");
    suite.refusal = { request: 1, message: "phase profiling has no pause" };
    terminal.type("p");
    await terminal.seen("assay watch: phase profiling has no pause\n");
    terminal.type("x");
    terminal.type("s");
    while (suite.driven.length < 3) await suite.nextWish();
    expect(suite.driven.map((message) => message.case)).to.deep.equal(["attach", "adjust", "cancel"]);
    const [attach, adjust, cancel] = suite.driven;
    expect(attach?.case === "attach" && attach.value).to.include({ runId: "run-a" });
    expect(attach?.case === "attach" && attach.value.requestedBy).to.not.equal("");
    expect(adjust?.case === "adjust" && adjust.value).to.include({ phase: 0, isPaused: true });
    expect(cancel?.case === "cancel" && cancel.value.reason).to.equal("assay watch");
    suite.show({ state: RunState.CANCELLED, runId: "run-a" });
    expect(await exit).to.equal(exitCodes.failed);
    expect(terminal.stdout).to.match(/^run-a: cancelled/);
  });

  it("leaves it alone at q", async () => {
    const suite = await suiteWith("run-a");
    const terminal = new FakeTerminal({ cwd: folder, env, hasKeys: true });
    suite.show({ ...running, runId: "run-a" }, [{ kind: "worker_lost", message: "worker w1 was lost" }]);
    const exit = runCli(["watch"], terminal);
    await terminal.seen("worker w1 was lost");
    terminal.type("q");
    expect(await exit).to.equal(exitCodes.ok);
    expect(suite.driven.map((message) => message.case)).to.deep.equal(["attach"]);
  });

  it("says where it looked when there is no suite, and which suites have nothing to do", async () => {
    const nobody = await watch();
    expect(nobody.code).to.equal(exitCodes.failed);
    expect(nobody.stderr).to.equal(
      `assay watch: no suite of yours runs on this machine (looked in ${folder}/assay/suites); --controller names one elsewhere\n`,
    );
    const idle = await suiteWith("run-a");
    idle.show({ state: RunState.COMPLETED });
    const { code, stderr } = await watch();
    expect(code).to.equal(exitCodes.failed);
    expect(stderr).to.equal(`assay watch: no run goes on in ${idle.address} (assay run, process ${process.pid})\n`);
  });

  it("says which suite does not answer, and takes the run of the one that does", async () => {
    const gone = await suiteWith("run-a");
    await gone.stop();
    const suite = await suiteWith("run-b");
    const { code, stderr } = await watch("--resume");
    expect(code).to.equal(exitCodes.ok);
    expect(stderr).to.include(
      `assay watch: ${gone.address} (assay run, process ${process.pid}): ${gone.address} cannot be reached: `,
    );
    expect(suite.adjusted).to.have.length(1);
  });

  it("says in one line that the folder cannot be read", async () => {
    mkdirSync(join(folder, "assay"));
    writeFileSync(join(folder, "assay/suites"), "");
    const { code, stderr } = await watch();
    expect(code).to.equal(exitCodes.failed);
    expect(stderr).to.match(/^assay watch: cannot look for suites in .*suites: ENOTDIR.*\n$/);
  });

  it("takes the only run of a suite that is named, too", async () => {
    const suite = await suiteWith("run-a");
    env = { ...env, ASSAY_TOKEN: token };
    expect((await watch("--controller", suite.address, "--stop")).code).to.equal(exitCodes.ok);
    expect(suite.cancelled.map(({ runId }) => runId)).to.deep.equal(["run-a"]);
  });
});
