import { statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import type { PrepareProgress } from "../../../services/dataset/progress.ts";
import type { FileJob } from "../../../services/dataset/thread/jobs.ts";
import { runJob } from "../../../services/dataset/thread/run-job.ts";
import { readerOptions } from "../../unit/dataset/core/loading.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a job in a thread", () => {
  let folder: string;
  let job: FileJob;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-job-"));
    const path = join(folder, "p.jsonl");
    await writeFile(path, Array.from({ length: 100_000 }, (_, n) => `{"text":"prompt ${n}"}\n`).join(""));
    const load = { path, format: undefined, isSkipping: false, ...readerOptions };
    const tokenizer = { name: "none", source: { kind: "none" }, root: undefined } as const;
    job = { kind: "file", load, realPath: path, root: folder, folder, maxFileBytes: 1 << 30, maxRowBytes: 1000, tokenizer };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const never = new AbortController().signal;

  it("gives its result, and says how far it is", async () => {
    const told: PrepareProgress[] = [];
    const made = await runJob<"file">(job, never, (progress) => told.push(progress));
    const { size } = statSync(job.realPath);
    for (const { step, doneBytes, totalBytes } of told) {
      expect({ step, totalBytes }).to.deep.equal({ step: "read", totalBytes: size });
      expect(doneBytes).to.be.within(1, size);
    }
    const rows = told.map(({ rows: count }) => count);
    expect(made.kind === "memory" && made.file.turns.size).to.equal(100_000);
    expect(rows.length).to.be.greaterThan(1);
    expect(rows).to.deep.equal([...rows].sort((one, other) => one - other));
  });

  it("lets the event loop go on", async () => {
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await runJob<"file">(job, never, () => {});
    clearInterval(ticking);
    expect(turns).to.be.greaterThan(10);
  });

  it("fails with the job's own error, every part of it", async () => {
    await writeFile(job.realPath, "{");
    const error = await failureOf(runJob<"file">(job, never, () => {}));
    expect(error).to.be.instanceOf(AssayError).and.include({ code: "invalid_argument", reason: "BAD_DATASET" });
    expect(error.metadata).to.deep.equal({ file: job.load.path, line: "1", column: "2" });
    expect(error.violations).to.have.lengthOf(1);
  });

  it("is given up at once when its caller gives up, in the caller's words", async () => {
    const given = new AbortController();
    let after = 0;
    const giving = runJob<"file">(job, given.signal, () => {
      if (given.signal.aborted) after++;
      given.abort(new AssayError("cancelled", "nobody waits"));
    });
    expect(await failureOf(giving)).to.include({ code: "cancelled", message: "nobody waits" });
    expect(after).to.equal(0);
    expect(await failureOf(runJob<"file">(job, given.signal, () => {}))).to.include({ message: "nobody waits" });
  });

  it("is given up when its time is over", async () => {
    const late = AbortSignal.abort(new DOMException("late", "TimeoutError"));
    expect(await failureOf(runJob<"file">(job, late, () => {}))).to.include({ code: "deadline_exceeded" });
    expect(await failureOf(runJob<"file">(job, AbortSignal.abort(), () => {}))).to.include({ code: "cancelled" });
  });

  it("fails where the thread itself does", async () => {
    const unknown = { ...job, kind: "nothing" as "file" };
    expect(await failureOf(runJob<"file">(unknown, never, () => {}))).to.include({ code: "internal" });
  });
});
