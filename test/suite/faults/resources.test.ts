/** Processes that run out of memory or descriptors, and a disk that is slow. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { expectAccounted } from "../../support/accounted.ts";
import { endsWithinMs, rowsIn, type Stage, useStages } from "../../support/suite.ts";

const program = join(import.meta.dirname, "../../../services/main.ts");
const maxFds = 256;

interface Exit {
  readonly code: number;
  readonly stderr: string;
}

/** `assay run` against the built-in server, whose processes may have so few descriptors. */
function runWithFewDescriptors(cwd: string, ...args: readonly string[]): Promise<Exit> {
  const words = ["run", "--no-gpu-telemetry", "--workers-max", "1", "--artifact-dir", "out", "--ui", "none", ...args];
  const { promise, resolve } = Promise.withResolvers<Exit>();
  const command = `ulimit -n ${maxFds}; exec "$0" "$@"`;
  const env = { ...process.env, XDG_DATA_HOME: join(cwd, "data"), XDG_RUNTIME_DIR: cwd };
  execFile(
    "sh",
    ["-c", command, process.execPath, program, ...words],
    { cwd, env, timeout: 2 * endsWithinMs },
    (error, _, stderr) => resolve({ code: Number(error?.code ?? 0), stderr }),
  );
  return promise;
}

describe("a process that runs out of something", function () {
  this.timeout(6 * endsWithinMs);
  const test = useStages();

  test("a load needs more file descriptors than there are: it is refused, and what there must be is said (accounts: there are none)", async ({
    folder,
    target,
  }) => {
    const { url } = await target();
    const { code, stderr } = await runWithFewDescriptors(
      folder,
      "-m",
      "m",
      "-u",
      url,
      "--concurrency",
      "1000",
      "--num-requests",
      "900",
    );
    expect(stderr).to.match(
      /^assay run: --concurrency 1000: 900 connections on 1 worker need 964 file descriptors a process, \S+ gives 256: .*\(ulimit -n 964\).*\n$/,
    );
    expect(code).to.equal(2);
  });

  test("a worker has no file descriptors left: requests that find none are `unsendable`, and the run goes on (accounts: complete; nothing is missing)", async ({
    folder,
    target,
  }) => {
    const server = await target({ ttftMs: 2000 });
    const load = ["--request-rate", "400", "--request-count", "400", "--arrival-pattern", "constant"];
    const taken = ["--no-probe", "--failed-request-threshold", "1"];
    const { code, stderr } = await runWithFewDescriptors(folder, "-m", "m", "-u", server.url, ...taken, ...load);
    expect(code, stderr).to.equal(0);
    const file = expectAccounted(join(folder, "out"), server, 400);
    expect(file.events.filter(({ kind }) => kind === "worker_exited")).to.deep.equal([]);
    expect(file.rows).to.equal(400);
    expect(Object.keys(file.errors).sort()).to.deep.equal(["", "unsendable"]);
  });

  test("a worker is out of memory: it is aborted, another one takes its place, and the run completes (accounts: complete; what it held is lost)", async (stage) => {
    const target = await stage.target();
    const flag = join(stage.folder, "hoard");
    const command = stage.start([
      ...["run", "-m", "mock", "-u", target.url, "--streaming", "--concurrency", "8", "--workers-max", "2", "--no-probe"],
      ...["--osl", "32", "--request-count", "400", "--no-gpu-telemetry", "--random-seed", "7", "--artifact-dir", "out"],
      // A body that was made before is not made again.
      ...["--num-prompts", "400", "--endpoint-module", hoardingEndpoint(stage, flag), "--endpoint-type", "hoarding-chat"],
    ]);
    await command.until("rows of a run under way", () => rowsIn(join(stage.folder, "out")) >= 20, 2 * endsWithinMs);
    const [victim = 0] = command.pids("worker");
    limitMemory(victim, 256 << 20);
    writeFileSync(`${flag}.${victim}`, "");
    await command.until("the worker to take memory", () => existsSync(`${flag}.taken`), 2 * endsWithinMs);
    // However long it takes to have none left, the run has not ended by then.
    target.hold();
    await command.until("a worker in its place", () => command.stderr.includes("takes its place"), 2 * endsWithinMs);
    target.release();
    const { code, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/worker-\w+ ended by SIG(ABRT|BUS|ILL|SEGV|TRAP); worker-\w+ takes its place/);
    const file = expectAccounted(join(stage.folder, "out"), target, 400);
    expect(file).to.include({ state: "COMPLETED" });
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 1 });
    expect(file.phases[0]?.missing_lost).to.be.at.least(1);
  });

  test("each write to the disk takes 10 ms longer: workers keep their records until they are committed (accounts: complete; nothing is missing)", async (stage) => {
    const target = await stage.target();
    const command = stage.start(
      [
        ...["run", "-m", "mock", "-u", target.url, "--streaming", "--concurrency", "8", "--workers-max", "2"],
        ...["--osl", "32", "--request-count", "400", "--no-gpu-telemetry", "--random-seed", "7", "--artifact-dir", "out"],
      ],
      stage.folder,
      slowDisk(stage.folder, 10),
    );
    const { code, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(0);
    const out = join(stage.folder, "out");
    const file = expectAccounted(out, target, 400);
    expect(file).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 }, late: 0 });
    expect(statSync(join(stage.folder, slowedFile)).size, "writes that were slow").to.be.at.least(50);
    expect(mostKeptBytes(out), "bytes of records that waited for their commit").to.be.above(0);
  });
});

/** The most that a worker held of records which were not committed, as its readings have it. */
function mostKeptBytes(folder: string): number {
  const db = new Database(join(folder, "run.db"), { readonly: true });
  try {
    return db.prepare("SELECT max(outbox_bytes) FROM worker_usage").pluck().get() as number;
  } finally {
    db.close();
  }
}

/** The kernel gives a process so much more at most than it has now. */
function limitMemory(pid: number, moreBytes: number): void {
  const [pages = ""] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  execFileSync("prlimit", ["--pid", String(pid), `--as=${Number(pages) * 4096 + moreBytes}`]);
}

/** An endpoint by which the process whose id a file has behind `flag` takes memory until there is none. */
function hoardingEndpoint({ folder }: Stage, flag: string): string {
  const file = join(folder, "hoarding.mjs");
  writeFileSync(
    file,
    `
    import { renameSync } from "node:fs";
    export const endpoints = {
      "hoarding-chat": (_options, { encodeJson, parseAnswer, textOf }) => ({
        path: "/v1/chat/completions",
        canStream: true,
        formatBody({ messages, model, maxOutputTokens }) {
          let isMeant = false;
          try {
            renameSync(${JSON.stringify(`${flag}.`)} + process.pid, ${JSON.stringify(`${flag}.taken`)});
            isMeant = true;
          } catch {
            // Not yet, or another one is.
          }
          for (const hoard = []; isMeant; ) hoard.push(new Array(1_000_000).fill(hoard.length));
          return encodeJson({ model, messages, max_tokens: maxOutputTokens, stream: true });
        },
        parse: (response) => parseAnswer(response, ({ choices = [] }) => ({
          outputText: textOf(choices[0]?.delta?.content) ?? "", reasoningText: "", finishReason: undefined, usage: undefined, errorWords: undefined,
        })),
      }),
    };`,
  );
  return file;
}

/** Has a byte for each write that was slow. */
const slowedFile = "slowed";

/**
 * Variables of processes whose writes to run.db and its WAL take so much longer: by a library in front of the C library where there is
 * a compiler to make one with, and else by what stands in front of the SQLite driver, whose commits are as late then.
 */
function slowDisk(folder: string, ms: number): Record<string, string> {
  const [source, library] = [join(folder, "slow.c"), join(folder, "slow.so")];
  const slowed = join(folder, slowedFile);
  writeFileSync(source, slowWrites(ms, slowed));
  const { status } = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stdio: "ignore" });
  if (status === 0) return { LD_PRELOAD: library };
  const module = join(folder, "slow.mjs");
  writeFileSync(module, slowCommits(ms, slowed));
  return { NODE_OPTIONS: `--import=${module}` };
}

const slowWrites = (ms: number, slowed: string): string => `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static void wait_for(int fd) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  if (strstr(path, "run.db") == NULL) return;
  usleep(${ms} * 1000);
  int slowed = open(${JSON.stringify(slowed)}, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (slowed < 0) return;
  if (write(slowed, ".", 1) < 0) perror("slowed");
  close(slowed);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
  static ssize_t (*next)(int, const void *, size_t, off_t);
  if (next == NULL) next = dlsym(RTLD_NEXT, "pwrite64");
  wait_for(fd);
  return next(fd, bytes, count, offset);
}
int fdatasync(int fd) {
  static int (*next)(int);
  if (next == NULL) next = dlsym(RTLD_NEXT, "fdatasync");
  wait_for(fd);
  return next(fd);
}
`;

const slowCommits = (ms: number, slowed: string): string => `
import { appendFileSync } from "node:fs";
import Database from ${JSON.stringify(import.meta.resolve("better-sqlite3"))};
const { prepare } = Database.prototype;
Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  if (sql !== "COMMIT" || !this.name.endsWith("run.db")) return statement;
  const { run } = statement;
  statement.run = function (...values) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms});
    appendFileSync(${JSON.stringify(slowed)}, ".");
    return run.apply(this, values);
  };
  return statement;
};
`;
