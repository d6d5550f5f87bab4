import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { LocalSuite, type LocalSuiteOptions, runProcesses, type SuiteDeath } from "../../../clients/cli/local-suite.ts";
import type { AssayError } from "../../../services/common/errors.ts";
import { findSuites } from "../../../services/common/suite-files.ts";
import type { ChildMode, ChildNote } from "./suite-child.ts";

const script = join(import.meta.dirname, "suite-child.ts");
const names = ["controller", "timing", "records-manager"];

describe("a local suite", () => {
  let folder = "";
  let deaths: SuiteDeath[] = [];
  let suites: LocalSuite[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-local-suite-"));
    deaths = [];
    suites = [];
  });

  afterEach(async () => {
    await Promise.all(suites.map((suite) => suite.kill()));
    await rm(folder, { recursive: true });
  });

  function start(modes: Record<string, ChildMode> = {}, options: Partial<LocalSuiteOptions> = {}): LocalSuite {
    const suite = new LocalSuite({
      command: [process.execPath, script, JSON.stringify({ folder, address: "127.0.0.1:7", modes })],
      artifactBase: "/base",
      workersMax: undefined,
      logLevel: "info",
      logFile: undefined,
      onDeath: (death) => deaths.push(death),
      ...options,
    });
    suites.push(suite);
    return suite;
  }

  async function noteOf(name: string): Promise<ChildNote> {
    return JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"));
  }

  async function expectNobodyLives(): Promise<void> {
    for (const name of names) {
      // Without a note it was ended before it could write one.
      const pid = await noteOf(name).then(
        (note) => note.pid,
        () => undefined,
      );
      if (pid !== undefined) expect(isAlive(pid), `${name} (${pid}) lives`).to.equal(false);
    }
  }

  async function failureOf(suite: LocalSuite): Promise<AssayError> {
    return suite.ready().then(
      () => expect.fail("it was ready"),
      (error) => error,
    );
  }

  it("gives the controller's address once every process has joined, and ends them all", async () => {
    const suite = start();
    expect(await suite.ready()).to.equal("127.0.0.1:7");
    await suite.stop();
    await expectNobodyLives();
    expect(deaths).to.deep.equal([]);
  });

  for (const end of ["stop", "kill"] as const) {
    it(`is found by other commands while it lives, where that is asked for: until ${end}`, async () => {
      const env = { XDG_RUNTIME_DIR: folder };
      const suite = start({}, { listing: { startedBy: "assay run", env, onProblem: expect.fail } });
      await suite.ready();
      const { token } = suite;
      expect(findSuites(env).suites).to.deep.equal([{ address: "127.0.0.1:7", startedBy: "assay run", token, pid: process.pid }]);
      await suite[end]();
      expect(findSuites(env).suites).to.deep.equal([]);
    });
  }

  it("does without being found where its file cannot be written, and says why", async () => {
    const said: string[] = [];
    await writeFile(join(folder, "assay"), "");
    const listing = { startedBy: "assay run", env: { XDG_RUNTIME_DIR: folder }, onProblem: (why: string) => said.push(why) };
    expect(await start({}, { listing }).ready()).to.equal("127.0.0.1:7");
    expect(said.join()).to.match(/^cannot write into .*assay\/suites: ENOTDIR/);
  });

  it("tells each process what it serves, its token and where the controller is, and nothing by arguments", async () => {
    const suite = start({}, { workersMax: 1, logLevel: "debug", logFile: "/l/assay.log" });
    await suite.ready();
    const [controller, timing, records] = await Promise.all(names.map(noteOf));
    expect(controller?.args).to.deep.equal(["serve", "--services=controller,dataset,worker-manager,telemetry", "--bootstrap"]);
    expect(timing?.args).to.deep.equal(["serve", "--services=timing", "--bootstrap"]);
    expect(records?.args).to.deep.equal(["serve", "--services=records-manager,record-processor", "--bootstrap"]);
    expect(suite.token).to.match(/^[\w-]{43}$/);
    const told = {
      token: suite.token,
      controller: null,
      logFile: "/l/assay.log",
      logLevel: "debug",
      config: { controller: { artifactBase: "/base" }, dataset: { root: "/" }, process: {}, "worker-manager": { prespawn: 1 } },
    };
    expect(controller?.told).to.deep.equal(told);
    expect(timing?.told).to.deep.equal({ ...told, controller: "127.0.0.1:7" });
    expect(records?.told).to.deep.equal({ ...told, controller: "127.0.0.1:7" });
  });

  it("starts as many processes for rows and answers as are asked for, together or apart", () => {
    const [both, rows, answers] = ["records-manager,record-processor", "records-manager", "record-processor"];
    expect(runProcesses({}).slice(2)).to.deep.equal([both]);
    expect(runProcesses({ recordsManagers: 2 }).slice(2)).to.deep.equal([both, both]);
    expect(runProcesses({ recordProcessors: 2 }).slice(2)).to.deep.equal([rows, answers, answers]);
  });

  it("tells them where datasets are kept and found, and how large they may be, where that was said", async () => {
    const datasets = { cacheDir: "/cache", cacheBytes: 5, publicDir: "/sets", maxFileBytes: 7 };
    await start({}, { datasets }).ready();
    const { told } = await noteOf("controller");
    expect(told)
      .to.have.nested.property("config.dataset")
      .that.deep.equals({ root: "/", ...datasets });
  });

  it("has as many workers started before as cores are free, and no log file unless asked", async () => {
    await start({}, { workersMax: 100 }).ready();
    const { told } = await noteOf("timing");
    const prespawn = Math.max(1, availableParallelism() - 1);
    expect(told).to.deep.include({ logFile: null }).and.have.nested.property("config.worker-manager.prespawn", prespawn);
  });

  it("keeps its processes near the memory that they hold, unless the environment says otherwise", async () => {
    process.env.MALLOC_ARENA_MAX = "7";
    try {
      await start().ready();
    } finally {
      delete process.env.MALLOC_ARENA_MAX;
    }
    const { nodeFlags, heap } = await noteOf("timing");
    expect(nodeFlags).to.include("--max-semi-space-size=8");
    expect(heap).to.deep.equal(["7", "262144"]);
  });

  it("has a token of its own each time", () => {
    expect(start().token).to.not.equal(start().token);
  });

  for (const [name, services] of [
    ["controller", "controller,dataset,worker-manager,telemetry"],
    ["timing", "timing"],
    ["records-manager", "records-manager,record-processor"],
  ] as const) {
    it(`says that ${name} did not answer a ready line but garbage`, async () => {
      const error = await failureOf(start({ [name]: "garbage" }));
      expect(error.code).to.equal("unavailable");
      expect(error.message).to.equal(`the process of ${services} did not start: it answered "Hello!" instead of a ready line`);
      await expectNobodyLives();
    });

    it(`says why ${name} refused to start`, async () => {
      const error = await failureOf(start({ [name]: "refuses" }));
      expect(error.message).to.equal(`the process of ${services} did not start: port taken`);
    });

    it(`says how ${name} died and what it said last, also when it had not been spoken to`, async () => {
      const asked = await failureOf(start({ [name]: "dies" }));
      expect(asked.message).to.equal(`the process of ${services} did not start: exit code 3\nlog of ${name}`);
      const unasked = await failureOf(
        start({ [name]: "dies_unasked", ...(name === "controller" ? {} : { controller: "silent" }) }),
      );
      expect(unasked.message).to.equal(`the process of ${services} did not start: exit code 4\ncannot load a module`);
    });
  }

  it("names who is missing when the time is over, and ends them all", async () => {
    const error = await failureOf(start({ timing: "silent" }, { readyTimeoutMs: 2500 }));
    expect(error.code).to.equal("deadline_exceeded");
    expect(error.message).to.equal("the local suite is not ready after 2.5 s, missing: timing");
    await expectNobodyLives();
  });

  it("says that a program cannot be started at all", async () => {
    const error = await failureOf(start({}, { command: [join(folder, "nothing")] }));
    expect(error.message).to.match(/did not start: spawn .*nothing ENOENT$/);
  });

  for (const [name, isController] of [
    ["controller", true],
    ["timing", false],
  ] as const) {
    it(`reports the death of ${name} at once, with its last words`, async () => {
      const { promise, resolve } = Promise.withResolvers<SuiteDeath>();
      const suite = start({}, { onDeath: resolve });
      await suite.ready();
      process.kill((await noteOf(name)).pid, "SIGKILL");
      const death = await promise;
      expect(death).to.include({ how: "SIGKILL", lastWords: `log of ${name}`, isController });
      expect(death.name.split(",")[0]).to.equal(name);
    });
  }

  it("puts another records process in the place of one that died, once, at the same address", async () => {
    const replaced = Promise.withResolvers<SuiteDeath>();
    const gone = Promise.withResolvers<SuiteDeath>();
    const suite = start({}, { onDeath: (death) => (death.isReplaced ? replaced : gone).resolve(death) });
    await suite.ready();
    const first = await noteOf("records-manager");
    process.kill(first.pid, "SIGKILL");
    expect(await replaced.promise).to.include({ name: "records-manager,record-processor", how: "SIGKILL", isController: false });
    let second = first;
    while (second.pid === first.pid || second.told === undefined) second = await noteOf("records-manager").catch(() => first);
    expect(second.told).to.deep.include({ token: suite.token, controller: "127.0.0.1:7" });
    expect(second.told).to.have.nested.property("config.process.port", 7);
    process.kill(second.pid, "SIGKILL");
    expect(await gone.promise).to.include({ name: "records-manager,record-processor", how: "SIGKILL" });
    await suite.stop();
    await expectNobodyLives();
  });

  it("passes every log line on where that is wanted", async () => {
    const lines: string[] = [];
    const suite = start({}, { onLog: (line) => lines.push(line) });
    await suite.ready();
    await suite.stop();
    expect(lines.sort()).to.deep.equal(["log of controller", "log of records-manager", "log of timing"]);
  });

  it("ends even a process that hears neither its stdin nor SIGTERM", async () => {
    const suite = start({ timing: "deaf" });
    await suite.ready();
    await suite.kill();
    await expectNobodyLives();
    expect(deaths).to.deep.equal([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
