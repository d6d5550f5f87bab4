import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { createLog, type LogOptions } from "../../../services/common/log.ts";

describe("the log", () => {
  let folder = "";
  let file = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-log-"));
    file = join(folder, "logs", "assay.log");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const logTo = (options: Partial<LogOptions> = {}) => createLog({ level: "info", stderr: "off", files: [file], ...options });
  const linesOf = async (path = file): Promise<Record<string, unknown>[]> => {
    const content = await readFile(path, "utf8");
    return content.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
  };
  const messagesOf = async (path = file) => (await linesOf(path)).map(({ message }) => message);

  /** Runs a program that has `log`, and `file` among its destinations. */
  const runProgram = async (program: string, options: Partial<LogOptions> = {}) => {
    const url = new URL("../../../services/common/log.ts", import.meta.url);
    const all = JSON.stringify({ level: "info", files: [file], ...options });
    const source = `import { createLog } from ${JSON.stringify(url.href)};\nconst log = createLog(${all});\n${program}`;
    const args = ["--input-type=module", "--eval", source];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 10_000 });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { stdout, stderr, code };
  };

  it("writes JSON lines with the fields of the root, of the child and of the call", async () => {
    const log = logTo({ fields: { service: "timing", instance: "t1" } });
    log.child({ run_id: "r1" }).info("phase started", { phase: "warmup" });
    log.info("idle");
    await log.close();
    const [first, second] = await linesOf();
    expect(first).to.include({
      level: "info",
      message: "phase started",
      service: "timing",
      instance: "t1",
      run_id: "r1",
      phase: "warmup",
    });
    expect(first?.time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(second).to.include({ message: "idle", service: "timing" }).and.not.have.property("run_id");
  });

  it("writes nothing below its level, which can change", async () => {
    const log = logTo();
    log.debug("one");
    log.setLevel("debug");
    log.debug("two");
    log.setLevel("error");
    log.warn("three");
    log.error("four");
    log.setLevel("silent");
    log.error("five");
    await log.close();
    expect(await messagesOf()).to.deep.equal(["two", "four"]);
  });

  it("keeps the order of lines from before and after winston is there", async () => {
    const log = logTo();
    for (let i = 0; i < 50; i++) log.info(String(i));
    await import("winston");
    for (let i = 50; i < 100; i++) log.info(String(i));
    await log.close();
    expect(await messagesOf()).to.deep.equal(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  it("appends to a file that is there", async () => {
    for (const message of ["one", "two"]) {
      const log = logTo();
      log.info(message);
      await log.close();
    }
    expect(await messagesOf()).to.deep.equal(["one", "two"]);
  });

  it("adds and removes files while it runs", async () => {
    const run = join(folder, "runs", "r1", "log.jsonl");
    const log = logTo();
    log.info("before");
    await log.removeFile(join(folder, "never-added"));
    log.addFile(run);
    for (let i = 0; i < 100; i++) log.info(`during ${i}`);
    await log.removeFile(run);
    expect(await messagesOf(run)).to.deep.equal(Array.from({ length: 100 }, (_, i) => `during ${i}`));
    log.info("after");
    await log.close();
    expect(await messagesOf(run)).to.have.length(100);
    expect(await messagesOf())
      .to.include.members(["before", "after"])
      .and.to.have.length(102);
  });

  it("has written the lines that were the first ones, when their file is removed", async () => {
    const log = logTo();
    for (let i = 0; i < 100; i++) log.info(String(i));
    await log.removeFile(file);
    expect(await messagesOf()).to.have.length(100);
    await log.close();
  });

  it("masks registered values from when they are registered", async () => {
    const log = logTo({ secrets: ["first-secret"] });
    log.addSecret("second-secret");
    log.child({}).info("first-secret second-secret", { apiKey: "third" });
    await log.close();
    expect((await linesOf())[0]).to.include({ message: "*** ***", apiKey: "***" });
  });

  it("drops what is beyond the bound of its level and says how many", async () => {
    const log = logTo({ maxLinesPerSec: 10, fields: { service: "worker" } });
    for (let i = 0; i < 25; i++) log.info(String(i));
    log.error("still heard");
    await log.close();
    const lines = await linesOf();
    expect(lines.map(({ message }) => message)).to.deep.equal([
      ...Array.from({ length: 10 }, (_, i) => String(i)),
      "still heard",
      "log lines dropped",
    ]);
    expect(lines.at(-1)).to.include({ level: "warn", of: "info", dropped: 15, service: "worker" });
  });

  it("reports a file that cannot be written, and goes on with the others", async () => {
    await mkdir(join(folder, "a-folder"));
    await writeFile(join(folder, "a-file"), "");
    const log = logTo();
    log.addFile(join(folder, "a-folder"));
    log.addFile(join(folder, "a-file", "log.jsonl"));
    log.info("goes on");
    await log.close();
    const lines = await linesOf();
    expect(lines.map(({ message }) => message)).to.include("goes on");
    const reports = lines.filter(({ message }) => message === "log file cannot be written").map(({ path }) => path);
    expect(reports).to.have.members([join(folder, "a-folder"), join(folder, "a-file", "log.jsonl")]);
  });

  it("can be closed twice, and drops what comes later", async () => {
    const log = logTo();
    log.info("one");
    await Promise.all([log.close(), log.close()]);
    log.info("two");
    await log.close();
    expect(await messagesOf()).to.deep.equal(["one"]);
  });

  it("has written everything when close resolves, even if the process ends in the same breath", async () => {
    const program = 'for (let i = 0; i < 5000; i++) log.info("line " + i);\nawait log.close();\nprocess.exit(3);';
    const { code, stderr } = await runProgram(program, { maxLinesPerSec: 10_000 });
    expect(code).to.equal(3);
    expect(await messagesOf()).to.have.length(5000);
    expect(stderr.trimEnd().split("\n")).to.have.length(5000);
  });

  it("has written everything to standard error alone, too", async () => {
    const program = 'for (let i = 0; i < 100; i++) log.info("line " + i);\nawait log.close();\nprocess.exit(3);';
    const { stderr } = await runProgram(program, { files: [] });
    expect(stderr.trimEnd().split("\n")).to.have.length(100);
  });

  it("loses no line that was logged just before a process ends without closing", async () => {
    const { code, stderr } = await runProgram('log.error("cannot go on");\nprocess.exit(4);');
    expect(code).to.equal(4);
    expect(stderr).to.include('"message":"cannot go on"');
    expect(await messagesOf()).to.deep.equal(["cannot go on"]);
  });

  it("does not load winston before there is a line to write", async () => {
    const { stdout } = await runProgram(`
      import { createRequire } from "node:module";
      const { cache } = createRequire(${JSON.stringify(import.meta.url)});
      const isLoaded = () => Object.keys(cache).some((path) => path.includes("/winston/"));
      log.debug("below the level");
      await new Promise(setImmediate);
      const before = isLoaded();
      log.info("line");
      await log.close();
      console.log(before, isLoaded());`);
    expect(stdout).to.equal("false true\n");
  });

  it("keeps standard output free, and gives standard error columns when asked for", async () => {
    const { stdout, stderr } = await runProgram(
      'log.child({ service: "timing" }).warn("late", { byMs: 3 });\nawait log.close();',
      { stderr: "human" },
    );
    expect(stdout).to.equal("");
    expect(stderr).to.match(/^\d\d:\d\d:\d\d\.\d{3} {2}warn {3}timing {2}late {2}byMs=3\n$/);
  });

  it("outlives whoever read its standard error", async () => {
    const program = `
      import { closeSync } from "node:fs";
      log.info("one");
      await new Promise((resolve) => process.stdin.resume().once("end", resolve));
      for (let i = 0; i < 10; i++) { log.info("more"); await new Promise(setImmediate); }
      await log.close();`;
    const url = new URL("../../../services/common/log.ts", import.meta.url);
    const source = `import { createLog } from ${JSON.stringify(url.href)};\nconst log = createLog({ level: "info", files: [${JSON.stringify(file)}] });\n${program}`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      stdio: ["pipe", "ignore", "pipe"],
      timeout: 10_000,
    });
    await new Promise((resolve) => child.stderr.once("data", resolve));
    child.stderr.destroy();
    child.stdin.end();
    expect(await new Promise((resolve) => child.once("exit", resolve))).to.equal(0);
    expect(await messagesOf()).to.have.length(11);
  });
});
