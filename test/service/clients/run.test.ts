import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { type RunContext, run } from "../../../clients/cli/run.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { PreparationStep } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { Verdict } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { profilingShape, summaryShape } from "../../unit/clients/summaries.ts";
import { FakeSuite } from "./fake-suite.ts";
import { FakeTerminal } from "./fake-terminal.ts";
import type { ChildMode, ChildNote } from "./suite-child.ts";

const script = join(import.meta.dirname, "suite-child.ts");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("assay run", () => {
  let folder = "";
  let suite: FakeSuite;
  let terminal: FakeTerminal;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-cli-"));
    suite = new FakeSuite();
    await suite.start();
    terminal = new FakeTerminal({ cwd: folder, env: { XDG_RUNTIME_DIR: folder } });
  });

  afterEach(async () => {
    await suite.stop();
    await rm(folder, { recursive: true });
  });

  function remote(...argv: string[]): Promise<number> {
    return givingSignalsBack(runCli(["run", "-m", "m", "--controller", suite.address, ...argv], terminal));
  }

  /** On a suite of processes that only start; the server behind their address is the test's. */
  function local(argv: readonly string[], modes: Record<string, ChildMode> = {}, deathWaitMs = 30_000): Promise<number> {
    const command = [process.execPath, script, JSON.stringify({ folder, address: suite.address, modes })];
    return runWith(argv, { command, deathWaitMs });
  }

  /** On the test's suite, whose silence is not waited for as long as usual. */
  function impatient(silenceMs: number): Promise<number> {
    return runWith(["-m", "m", "--controller", suite.address], { command: [], silenceMs });
  }

  function runWith(argv: readonly string[], context: Partial<RunContext> & Pick<RunContext, "command">): Promise<number> {
    const { options, given } = parseFlags(runFlags, argv);
    const origins = new Map([...given].map((name) => [name, "argument"] as const));
    const sources = { given: { options, origins }, options, fileSpec: {}, settingPaths: [], cwd: folder };
    return givingSignalsBack(run(sources, { terminal, name: "assay run", cliCommand: "assay run", ...context }));
  }

  async function givingSignalsBack(exit: Promise<number>): Promise<number> {
    const code = await exit;
    expect(terminal.isTakingSignals, "signals are given back").to.equal(false);
    return code;
  }

  async function pidOf(name: string): Promise<number> {
    const note: ChildNote = JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"));
    return note.pid;
  }

  async function expectNobodyLives(): Promise<void> {
    for (const name of ["controller", "timing", "records-manager"]) {
      // Without a note it was ended before it could write one.
      const pid = await pidOf(name).catch(() => undefined);
      if (pid !== undefined) expect(() => process.kill(pid, 0), `${name} lives`).to.throw("ESRCH");
    }
  }

  const underWay = (sent: bigint) => ({
    state: RunState.RUNNING,
    phase: "profiling",
    folder: "/runs/run-1",
    phases: [{ name: "profiling", kind: PhaseKind.PROFILING, asked: 100n, sent, outstanding: 8n }],
  });
  const completed = { state: RunState.COMPLETED };

  it("sends the spec, watches the run to its end and shows its results", async () => {
    const exit = remote("--concurrency", "8", "--request-count", "100");
    await terminal.seen("waiting for the suite");
    suite.show(underWay(40n));
    await terminal.seen("profiling  40/100 requests");
    suite.show(completed);
    expect(await exit).to.equal(exitCodes.ok);
    const [created] = suite.created;
    expect(created?.spec?.models).to.deep.equal(["m"]);
    expect(created?.spec?.phases[0]?.load).to.deep.include({ case: "concurrency" });
    expect(created?.spec?.phases[0]?.stop?.requestCount).to.equal(100n);
    expect(terminal.stdout).to.include("Assay | LLM Metrics").and.include("Time to First Token (ms)").and.include("Client valid");
    expect(terminal.stdout).to.not.include("asked");
    expect(suite.cancelled).to.deep.equal([]);
  });

  it("shows warnings, the live TTFT, and what happened besides the steps of every run", async () => {
    suite.warnings = ["concurrency 8 will not be reached"];
    terminal = new FakeTerminal({ cwd: folder, isErrTty: true });
    const exit = remote();
    await terminal.seen("waiting for the suite");
    const events = [
      { kind: "phase_started", message: "phase profiling started" },
      { kind: "worker_lost", message: "worker w1 was lost" },
    ];
    suite.show(underWay(1n), events);
    await terminal.seen("worker w1 was lost");
    await until(() => {
      suite.show(underWay(2n));
      return terminal.stderr.includes("TTFT p50 12.3 ms");
    });
    suite.show(completed);
    await exit;
    expect(terminal.stderr).to.include("warning: concurrency 8 will not be reached\n").and.not.include("phase profiling started");
  });

  for (const flags of [["--quiet"], ["--ui", "none"]]) {
    it(`writes nothing but results with ${flags.join(" ")}`, async () => {
      suite.show(completed, [{ kind: "worker_lost", message: "lost" }]);
      expect(await remote(...flags)).to.equal(exitCodes.ok);
      expect(terminal.stderr).to.equal("");
      expect(terminal.stdout).to.include("Assay | LLM Metrics");
    });
  }

  it("writes one JSON object and nothing else to stdout with --json", async () => {
    suite.show(completed);
    expect(await remote("--json")).to.equal(exitCodes.ok);
    expect(JSON.parse(terminal.stdout)).to.have.nested.property("phases[0].metrics.request_latency.p99", 1.44 * 1362.5);
  });

  it("names the flags of what the controller refuses, all of them, and starts nothing", async () => {
    suite.createError = new AssayError("invalid_argument", "two things", {
      violations: [
        { field: "phases[0].concurrency.limit", description: "must be at most 4" },
        { field: "endpoint.type", description: "must be chat, got x" },
        { field: "name", description: "is not nice" },
      ],
    });
    expect(await remote("--concurrency", "8", "--endpoint-type", "x")).to.equal(exitCodes.usage);
    expect(terminal.stderr.split("\n")).to.deep.equal([
      "assay run: --concurrency 8: must be at most 4 (phases[0].concurrency.limit)",
      "assay run: --endpoint-type x: must be chat, got x (endpoint.type)",
      "assay run: name: is not nice",
      "",
    ]);
    expect(suite.watches).to.equal(0);
  });

  for (const code of ["not_found", "permission_denied", "resource_exhausted"] as const) {
    it(`takes what is wrong with a named file for a wrong command line: ${code}`, async () => {
      const violations = [{ field: "dataset.file.path", description: "there is no such file" }];
      suite.createError = new AssayError(code, "dataset.file.path: there is no such file", { violations });
      expect(await remote("--input-file", "/data/p.jsonl")).to.equal(exitCodes.usage);
      const line = "assay run: --input-file /data/p.jsonl: there is no such file (dataset.file.path)\n";
      expect(terminal.stderr).to.equal(line);
    });
  }

  it("does not take a refused token for a wrong command line", async () => {
    suite.createError = new AssayError("permission_denied", "this token may not create runs");
    expect(await remote()).to.equal(exitCodes.failed);
  });

  it("sends paths absolutely, and does not look for them on a suite elsewhere", async () => {
    suite.show(completed);
    expect(await remote("--input-file", "p.jsonl", "--tokenizer", "./llama")).to.equal(exitCodes.ok);
    const { dataset, tokenizer } = suite.created[0]?.spec ?? {};
    expect(dataset?.source.case === "file" && dataset.source.value.path).to.equal(join(terminal.cwd, "p.jsonl"));
    expect(tokenizer?.name).to.equal(join(terminal.cwd, "llama"));
  });

  it("hands over how to meet the target", async () => {
    suite.show(completed);
    await remote("--wait-for-model-timeout", "60", "--wait-for-model-mode", "both", "--wait-for-model-interval", "0.5");
    expect(suite.created[0]?.spec?.target?.waitForModel).to.include({ timeoutSec: 60, mode: "both", intervalSec: 0.5 });
    await remote("--no-probe");
    expect(suite.created[1]?.spec?.target?.noProbe).to.equal(true);
    expect(await remote("--no-probe", "--wait-for-model-timeout", "1")).to.equal(exitCodes.usage);
  });

  it("names the flags of what this version does not support", async () => {
    const field = "phases[0].rate.concurrency_ceiling";
    suite.createError = new AssayError("unimplemented", "not supported", {
      violations: [{ field, description: "not supported by this version" }],
    });
    expect(await remote("--request-rate", "5", "--concurrency", "8")).to.equal(exitCodes.usage);
    expect(terminal.stderr).to.equal(`assay run: --concurrency 8: not supported by this version (${field})\n`);
  });

  it("fails with the reason when the run failed, and shows what there is", async () => {
    suite.show({ state: RunState.FAILED, reason: "worker w1 did not answer" });
    expect(await remote("--quiet")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.equal("assay run: the run failed: worker w1 did not answer\n");
    expect(terminal.stdout).to.include("Assay | LLM Metrics");
  });

  it("fails when every measured request failed, shows how, and never says that it completed", async () => {
    suite.summary = summaryShape({
      verdict: { verdict: Verdict.SUSPECT, reasons: ["loop at 0.8"] },
      phases: [
        { name: "warmup", kind: PhaseKind.WARMUP, identity: { drawn: 1n, succeeded: 1n } },
        profilingShape({
          metrics: [],
          identity: { drawn: 100n, errored: 100n },
          errors: [
            { code: "connect_refused", phase: "connect", count: 100n, example: "ECONNREFUSED", endpoint: "http://h:1/v1/chat" },
          ],
        }),
      ],
    });
    suite.show({ state: RunState.FAILED, reason: "all 100 requests failed" });
    expect(await remote()).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.equal("failed\nassay run: the run failed: all 100 requests failed\n");
    expect(terminal.stdout)
      .to.match(/^Client suspect\nThese figures .*: loop at 0.8\n/)
      .and.match(/│ connect_refused │ connect │ +100 │ ECONNREFUSED \(http:\/\/h:1\/v1\/chat\) +│/);
    expect(terminal.stdout + terminal.stderr).to.not.include("completed");
  });

  it("tells nothing but the reason of a run that ended before its first request", async () => {
    suite.show({ state: RunState.FAILED, reason: "target not ready: GET http://h:1/v1/models: refused", startTime: undefined });
    expect(await remote("--quiet")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.equal("assay run: the run failed: target not ready: GET http://h:1/v1/models: refused\n");
    expect(terminal.stdout).to.equal("");
    expect(suite.exported).to.deep.equal([]);
  });

  it("tells that to programs, too", async () => {
    suite.show({ state: RunState.FAILED, reason: "target not ready", startTime: undefined });
    expect(await remote("--quiet", "--json")).to.equal(exitCodes.failed);
    expect(JSON.parse(terminal.stdout)).to.deep.include({ state: "failed", reason: "target not ready", phases: [] });
  });

  describe("with a bound on failed requests", () => {
    const of = (succeeded: bigint, errored: bigint, cancelled = 0n) =>
      summaryShape({
        phases: [
          { name: "warmup", kind: PhaseKind.WARMUP, identity: { errored: 50n } },
          profilingShape({ identity: { drawn: 100n, succeeded, errored, cancelled } }),
        ],
      });

    for (const [what, summary, threshold, code] of [
      ["no bound, and a tenth", of(90n, 10n), undefined, exitCodes.ok],
      ["no bound, and more than a tenth", of(70n, 30n), undefined, exitCodes.tooManyFailed],
      ["the bound that allows any", of(1n, 99n), "1", exitCodes.ok],
      ["as many as it allows", of(95n, 5n), "0.05", exitCodes.ok],
      ["one more", of(94n, 6n), "0.05", exitCodes.tooManyFailed],
      ["any, where none may", of(99n, 1n), "0", exitCodes.tooManyFailed],
      ["none, where none may", of(100n, 0n), "0", exitCodes.ok],
      ["cancelled ones, which are not the target's", of(90n, 0n, 10n), "0", exitCodes.ok],
    ] as const) {
      it(`ends with ${code}: ${what}`, async () => {
        suite.summary = summary;
        suite.show(completed);
        const flags = threshold === undefined ? [] : ["--failed-request-threshold", threshold];
        expect(await remote("--quiet", ...flags)).to.equal(code);
        if (code === exitCodes.ok) expect(terminal.stderr).to.equal("");
        else
          expect(terminal.stderr).to.match(
            threshold === undefined
              ? /^assay run: 30 of 100 requests failed \(30\.0 %\), more than the 10\.0 % that a run may have without --failed-req/
              : /^assay run: \d of 100 requests failed \(\d\.0 %\), more than --failed-request-threshold/,
          );
      });
    }
  });

  for (const [verdict, code] of [
    [Verdict.VALID, exitCodes.ok],
    [Verdict.SUSPECT, exitCodes.unmet],
    [Verdict.INVALID, exitCodes.unmet],
    [Verdict.UNSPECIFIED, exitCodes.unmet],
  ] as const) {
    it(`ends with ${code} when the client has to be valid and is ${Verdict[verdict]}`, async () => {
      suite.summary = summaryShape({ verdict: { verdict, reasons: [] } });
      suite.show(completed);
      expect(await remote("--quiet", "--require-valid")).to.equal(code);
      expect(terminal.stdout).to.include("Assay | LLM Metrics");
      const name = Verdict[verdict]?.toLowerCase();
      expect(terminal.stderr).to.equal(
        code === exitCodes.ok ? "" : `assay run: the client is ${name}, and --require-valid was given\n`,
      );
    });
  }

  it("says first that too many requests failed, where the client is not valid either", async () => {
    suite.summary = summaryShape({
      verdict: { verdict: Verdict.SUSPECT, reasons: [] },
      phases: [profilingShape({ identity: { succeeded: 1n, errored: 9n } })],
    });
    suite.show(completed);
    const flags = ["--quiet", "--require-valid", "--failed-request-threshold", "0.5"];
    expect(await remote(...flags)).to.equal(exitCodes.tooManyFailed);
  });

  it("fails when there is no summary, and says why", async () => {
    suite.summary = new AssayError("data_loss", "run.db is not readable");
    suite.show(completed);
    expect(await remote("--quiet")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.include("there is no summary: run.db is not readable");
    expect(terminal.stdout).to.equal("");
  });

  it("fails when the suite has no records-manager", async () => {
    suite.hasRecordsManager = false;
    suite.show(completed);
    expect(await remote("--quiet")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.include("no records-manager in the suite at");
  });

  it("fails when nobody answers", async () => {
    await suite.stop();
    expect(await remote()).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.match(/^assay run: \S+ cannot be reached: connect ECONNREFUSED \S+\n$/);
  });

  it("watches on when the stream breaks", async () => {
    const exit = remote();
    await terminal.seen("waiting for the suite");
    suite.breakWatches(new AssayError("unavailable", "gone"));
    suite.show(underWay(5n));
    await terminal.seen("profiling  5/100");
    suite.breakWatches(new AssayError("internal", "reset"));
    suite.show(completed);
    expect(await exit).to.equal(exitCodes.ok);
    expect(suite.watches).to.be.at.least(2);
  });

  it("does not watch on where that does not help", async () => {
    const exit = remote();
    await terminal.seen("waiting for the suite");
    suite.breakWatches(new AssayError("not_found", "no run run-1"));
    expect(await exit).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.include("assay run: no run run-1\n");
    expect(suite.watches).to.equal(1);
  });

  describe("on a suite that does not answer any more", () => {
    const silence = new AssayError("unavailable", "cut");

    /** Its stream has broken, and no other one is made. */
    async function cutOff(): Promise<void> {
      await terminal.seen("waiting for the suite");
      suite.show(underWay(40n));
      await terminal.seen("profiling  40/100");
      suite.attachError = silence;
      suite.breakWatches(silence);
      await terminal.seen("cut; trying again for ");
    }

    it("tries again, and gives up with the run's id and how to meet it", async () => {
      const exit = impatient(300);
      await cutOff();
      expect(await exit).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.match(/\ncut; trying again for 0\.3 s\n/);
      const lastLine = `assay run: ${suite.address} has not answered for 0 s: cut; run run-1 may go on: assay watch run-1 --controller ${suite.address}\n`;
      expect(terminal.stderr.endsWith(lastLine), terminal.stderr).to.equal(true);
      expect(terminal.stderr.split("trying again")).to.have.length(2);
    });

    it("sees its end when it answers again", async () => {
      const exit = impatient(60_000);
      await cutOff();
      suite.attachError = undefined;
      suite.show(completed);
      expect(await exit).to.equal(exitCodes.ok);
      expect(suite.created).to.have.length(1);
    });

    it("stops the run as soon as it answers again", async () => {
      const exit = impatient(60_000);
      await cutOff();
      terminal.press();
      await terminal.seen("stopping: as soon as the suite answers again; press Ctrl-C again to leave now\n");
      suite.onCancel = () => suite.show({ state: RunState.CANCELLED, reason: "Ctrl-C" });
      suite.attachError = undefined;
      expect(await exit).to.equal(exitCodes.interrupted);
      expect(suite.cancelled.map(({ now }) => now)).to.deep.equal([false]);
    });

    it("is left at the second Ctrl-C, and that the run may go on is said", async () => {
      const exit = impatient(60_000);
      await cutOff();
      await suite.stop();
      terminal.press();
      terminal.press();
      expect(await exit).to.equal(exitCodes.interrupted);
      expect(terminal.stderr).to.match(
        /\nassay run: ending the run: .*; run run-1 may go on: assay watch run-1 --controller 127\.0\.0\.1:\d+\n$/,
      );
    });

    it("is interrupted, not failed, where Ctrl-C came before it was given up", async () => {
      const exit = impatient(300);
      await cutOff();
      terminal.press();
      expect(await exit).to.equal(exitCodes.interrupted);
      expect(terminal.stderr).to.include("; run run-1 may go on: ");
    });
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`stops the run gracefully at one ${signal}, shows what was committed and says so by its exit code`, async () => {
      const exit = remote();
      await terminal.seen("waiting for the suite");
      suite.show(underWay(40n));
      await terminal.seen("profiling  40/100");
      suite.onCancel = () => suite.show({ state: RunState.CANCELLED, reason: "Ctrl-C" });
      terminal.press(signal);
      expect(await exit).to.equal(exitCodes.interrupted);
      expect(terminal.stderr).to.include(
        "stopping: waiting up to 30 s for 8 requests in flight; press Ctrl-C again to leave now\n",
      );
      expect(suite.cancelled).to.have.length(1);
      expect(suite.cancelled[0]).to.include({ reason: "Ctrl-C", now: false });
      expect(terminal.stdout).to.include("Assay | LLM Metrics");
    });
  }

  it("leaves at the second Ctrl-C, and tells a suite that stays to be quick about it", async () => {
    const exit = remote();
    await terminal.seen("waiting for the suite");
    suite.show(underWay(40n));
    await terminal.seen("profiling  40/100");
    const asked = new Promise<void>((resolve) => {
      suite.onCancel = () => resolve();
    });
    terminal.press();
    await asked;
    terminal.press();
    expect(await exit).to.equal(exitCodes.interrupted);
    expect(suite.cancelled.map(({ now }) => now)).to.deep.equal([false, true]);
    expect(terminal.stdout).to.equal("");
  });

  it("shows on a terminal how far the dataset is while the run is being created, and takes that away", async () => {
    terminal = new FakeTerminal({ isErrTty: true });
    const gate = Promise.withResolvers<void>();
    suite.createGate = gate.promise;
    suite.preparation = [{ step: PreparationStep.READ, rows: 412_000n, doneBytes: 38n, totalBytes: 100n }];
    suite.show(completed);
    const exit = remote();
    await terminal.seen("\r\u001b[2Kpreparing the dataset: 412,000 rows, 38 %, ");
    gate.resolve();
    expect(await exit).to.equal(exitCodes.ok);
    expect(terminal.stderr).to.contain(" s\r\u001b[2K");
    expect(suite.prepared).to.deep.equal([suite.created[0]?.runId]);
    expect(suite.prepared[0]).to.match(/^\d{8}-\d{6}-[0-9a-f]{6}$/);
  });

  it("shows nothing of it where nothing is to be shown", async () => {
    suite.preparation = [{ step: PreparationStep.READ, rows: 1n }];
    suite.show(completed);
    expect(await remote("--quiet")).to.equal(exitCodes.ok);
    expect(suite.prepared).to.deep.equal([]);
  });

  it("stops a run that was being created when Ctrl-C came", async () => {
    const gate = Promise.withResolvers<void>();
    suite.createGate = gate.promise;
    suite.onCancel = () => suite.show({ state: RunState.CANCELLED });
    const exit = remote();
    await until(() => suite.created.length > 0);
    terminal.press();
    gate.resolve();
    expect(await exit).to.equal(exitCodes.interrupted);
    expect(suite.cancelled).to.have.length(1);
  });

  it("counts a run that ended well after Ctrl-C as what it is", async () => {
    const exit = remote();
    await terminal.seen("waiting for the suite");
    suite.onCancel = () => suite.show(completed);
    terminal.press();
    expect(await exit).to.equal(exitCodes.ok);
  });

  it("fails when somebody else cancelled the run", async () => {
    suite.show({ state: RunState.CANCELLED, reason: "by bob" });
    expect(await remote("--quiet")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.equal("assay run: the run was cancelled: by bob\n");
  });

  it("fetches the files of a suite elsewhere, and tells it no folder of this host", async () => {
    suite.show(completed);
    suite.files = [
      { file: "profile_export_aiperf.json", data: bytes("{"), isLast: false },
      { file: "profile_export_aiperf.json", data: bytes("}"), isLast: true },
      { file: "run.db", data: bytes("rows"), isLast: true },
    ];
    expect(await remote("--artifact-dir", "out", "--api-key", "sk-1")).to.equal(exitCodes.ok);
    expect(await readFile(join(folder, "out/profile_export_aiperf.json"), "utf8")).to.equal("{}");
    expect(await readFile(join(folder, "out/run.db"), "utf8")).to.equal("rows");
    expect(terminal.stdout).to.include(`Files: ${join(folder, "out")}: profile_export_aiperf.json, run.db\n`);
    expect(suite.created[0]?.spec?.output?.artifactDir ?? "").to.equal("");
    expect(suite.created[0]?.spec?.output?.cliCommand).to.include("--artifact-dir out").and.include("--api-key ***");
    expect(suite.exported[0]?.cliCommand).to.include("--artifact-dir out").and.include("--api-key ***");
  });

  it("puts the files into a folder named for the run where none is given", async () => {
    suite.show(completed);
    suite.files = [{ file: "run.db", data: bytes("rows"), isLast: true }];
    await remote();
    expect(await readFile(join(folder, "artifacts/m-openai-chat-concurrency8/run.db"), "utf8")).to.equal("rows");
  });

  it("shows the results also where the files cannot be fetched", async () => {
    suite.show(completed);
    suite.files = [{ file: "run.db", data: bytes("ro"), isLast: false }];
    expect(await remote("--quiet")).to.equal(exitCodes.ok);
    expect(terminal.stderr).to.equal("assay run: fetching the files of the run: run.db ended in the middle\n");
    expect(terminal.stdout).to.include("Assay | LLM Metrics").and.not.include("Files:");
  });

  describe("on a suite of its own", () => {
    it("runs, lists the files that the suite wrote, and leaves no process behind", async () => {
      const artifacts = join(folder, "artifacts");
      await writeFile(join(folder, "run.db"), "");
      suite.show({ ...completed, folder });
      expect(await local(["-m", "m", "--artifact-dir", "artifacts", "--quiet"])).to.equal(exitCodes.ok);
      expect(suite.created[0]?.spec?.output?.artifactDir).to.equal(artifacts);
      expect(terminal.stdout).to.match(new RegExp(`^Files: ${folder}: controller.json, .*run.db`, "m"));
      expect(suite.exported).to.deep.equal([]);
      await expectNobodyLives();
    });

    it("fails when it cannot start, and says who could not", async () => {
      expect(await local(["-m", "m"], { timing: "refuses" })).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.equal("assay run: the process of timing did not start: port taken\n");
      expect(suite.created).to.deep.equal([]);
    });

    it("is given up at a Ctrl-C while it starts", async () => {
      const exit = local(["-m", "m"], { timing: "silent" });
      await until(async () => (await stat(join(folder, "timing.json")).catch(() => undefined)) !== undefined);
      terminal.press();
      expect(await exit).to.equal(exitCodes.interrupted);
      await expectNobodyLives();
    });

    it("is killed at the second Ctrl-C", async () => {
      const exit = local(["-m", "m"], { timing: "deaf" });
      await terminal.seen("waiting for the suite");
      terminal.press();
      terminal.press();
      expect(await exit).to.equal(exitCodes.interrupted);
      await expectNobodyLives();
      expect(suite.cancelled.some(({ now }) => now)).to.equal(false);
    });

    it("says at once that a process died, and leaves the run to the controller", async () => {
      const exit = local(["-m", "m"]);
      await terminal.seen("waiting for the suite");
      process.kill(await pidOf("timing"), "SIGKILL");
      await terminal.seen("assay run: the process of timing ended unexpectedly: SIGKILL\n  log of timing\n");
      suite.show({ state: RunState.FAILED, reason: "timing is gone" });
      expect(await exit).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.include("assay run: the run failed: timing is gone");
    });

    it("does not wait for ever after a process died", async () => {
      const exit = local(["-m", "m"], {}, 200);
      await terminal.seen("waiting for the suite");
      suite.show(underWay(1n));
      await terminal.seen("profiling  1/100");
      process.kill(await pidOf("timing"), "SIGKILL");
      expect(await exit).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.include(
        "assay run: the run did not end within 0.2 s of that; what was recorded is in /runs/run-1, assay runs recover makes the results of it\n",
      );
    });

    it("says where the run's files are when the controller's process died", async () => {
      const exit = local(["-m", "m"]);
      await terminal.seen("waiting for the suite");
      suite.show(underWay(1n));
      await terminal.seen("profiling  1/100");
      process.kill(await pidOf("controller"), "SIGKILL");
      expect(await exit).to.equal(exitCodes.failed);
      expect(terminal.stderr).to.include(
        "assay run: the run is lost with its controller; what was recorded is in /runs/run-1, assay runs recover makes the results of it\n",
      );
    });
  });
});

/** Asks again until it is so; mocha's limit ends it otherwise. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}
