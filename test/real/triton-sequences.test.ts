/** Sequences as a real Triton batches them: what a model that adds up each sequence was told, and what it answered. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { freePorts } from "./free-ports.ts";
import { type RealServer, startRealServer } from "./real-server.ts";
import { type Row, runAgainst } from "./run-against.ts";

const installed = join(process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers"), "triton/.installed");

/** Of sequences of one step, of two and of four. */
const streams = [[7], [1, 2], [10, 20, 30, 40]];
const rounds = 4;
const requests = rounds * streams.flat().length;
const atOnce = 4;

/** One request as the model was told of it. */
interface Told {
  readonly sequence: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly value: number;
}

describe("a run with sequences against Triton", function () {
  this.timeout(120_000);
  useBudget("Triton");
  const stage = useStage();
  let folder: string;
  let triton: RealServer;
  let url: string;

  before(async function () {
    // Not built for this machine or its Python: test/real/prepare says so.
    if (!existsSync(installed)) this.skip();
    folder = await mkdtemp(join(tmpdir(), "assay-sequences-"));
    const [grpc, http] = await freePorts(2);
    const env = { TRITON_GRPC_PORT: `${grpc}`, TRITON_HTTP_PORT: `${http}`, TRITON_SEQUENCES: join(folder, "told") };
    triton = await startRealServer("triton", env, "/v2/health/ready");
    url = `grpc://127.0.0.1:${grpc}`;
  });

  beforeEach(() => writeFileSync(join(folder, "told"), ""));

  after(async () => {
    await triton?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** In the order in which they reached the model. */
  function told(): Told[] {
    const lines = readFileSync(join(folder, "told"), "utf8").trimEnd().split("\n");
    return lines.map((line) => {
      const [sequence = "", start, end, value] = line.split(" ");
      return { sequence, isStart: start === "1", isEnd: end === "1", value: Number(value) };
    });
  }

  /** perf_analyzer's file of the streams; `isWrong` where the last sum of each is not what the model says. */
  function inputFile(isWrong = false): string {
    const steps = streams.map((values) =>
      values.map((value, index) => {
        const sum = values.slice(0, index + 1).reduce((total, each) => total + each);
        return { value, sum: isWrong && index === values.length - 1 ? sum + 1 : sum, step: index + 1 };
      }),
    );
    const path = join(stage.folder, "streams.json");
    const data = steps.map((stream) => stream.map(({ value }) => ({ VALUE: [value] })));
    const expected = steps.map((stream) => stream.map(({ sum, step }) => ({ SUM: [sum], STEP: [step] })));
    writeFileSync(path, JSON.stringify({ data, validation_data: expected }));
    return path;
  }

  /** Every session of the file, `rounds` times. */
  const played = (file: string, ...flags: readonly string[]) => {
    const asked = { url, model: "running_sum", requests, sessions: rounds * streams.length, isLookedAt: true };
    const load = ["--endpoint-type", "tensor", "--input-data", file, "--concurrency", String(atOnce), "--workers-max", "2"];
    return runAgainst(stage, asked, ...load, ...flags);
  };

  for (const [how, ...flags] of [["calls"], ["streams", "--streaming"]]) {
    it(`by ${how}: each is told of once from its start to its end, a step at a time, and adds up as expected`, async () => {
      const { exit, rows, folder: out } = await played(inputFile(), ...flags);
      expect(exit.code, exit.stderr).to.equal(0);
      expect(new Set(rows.map(({ error_code: error }) => error))).to.deep.equal(new Set([null]));
      expectSequences(told());
      expectOneAtATime(rows);
      const { correct_request_rate: correct } = JSON.parse(readFileSync(join(out, "profile_export_aiperf.json"), "utf8"));
      expect(correct.avg).to.equal(100);
    });
  }

  it("says of how many requests the outputs are others than what the file expects", async () => {
    const { exit, folder: out } = await played(inputFile(true));
    expect(exit.code, exit.stderr).to.equal(0);
    const { correct_request_rate: correct } = JSON.parse(readFileSync(join(out, "profile_export_aiperf.json"), "utf8"));
    expect(correct.avg).to.be.closeTo((100 * (requests - rounds * streams.length)) / requests, 1e-6);
  });

  it("waits for the model by a sequence of its own, which begins and ends with its one request", async () => {
    const { exit } = await played(inputFile(), "--wait-for-model-timeout", "20");
    expect(exit.code, exit.stderr).to.equal(0);
    const [first, ...others] = told();
    expect(first).to.include({ isStart: true, isEnd: true });
    expect(others.map(({ sequence }) => sequence)).to.not.include(first?.sequence);
    expectSequences(others);
  });
});

/** Each stream of the file `rounds` times, each by an id of its own, whole and in its order; several at a time. */
function expectSequences(requestsTold: readonly Told[]): void {
  const sequences = Map.groupBy(requestsTold, ({ sequence }) => sequence);
  const values = [...sequences.values()].map((steps) => steps.map(({ value }) => value).join());
  expect(values.sort()).to.deep.equal(streams.flatMap((stream) => Array(rounds).fill(stream.join())).sort());
  for (const [id, steps] of sequences) {
    const last = steps.length - 1;
    const marks = steps.map(({ isStart, isEnd }) => ({ isStart, isEnd }));
    const expected = steps.map((_, index) => ({ isStart: index === 0, isEnd: index === last }));
    expect(marks, `sequence ${id}`).to.deep.equal(expected);
  }
  let open = 0;
  let most = 0;
  for (const { isStart, isEnd } of requestsTold) {
    if (isStart) open++;
    most = Math.max(most, open);
    if (isEnd) open--;
  }
  expect(most).to.be.within(2, atOnce);
}

/** A step is sent when the answer to the one before is there. */
function expectOneAtATime(rows: readonly Row[]): void {
  for (const [id, steps] of Map.groupBy(rows, ({ session_id: session }) => session)) {
    const inOrder = steps.toSorted((a, b) => a.turn - b.turn);
    for (const [index, { sent_ns: sentNs }] of inOrder.entries()) {
      const before = inOrder[index - 1];
      if (before !== undefined) expect(sentNs, `session ${id}`).to.be.at.least(before.sent_ns + before.end_ns);
    }
  }
}
