import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { Progress } from "../../../clients/cli/progress.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { runOf } from "./summaries.ts";

function running(sent: number, phase: object = {}, state = RunState.RUNNING): Run {
  const name = "profiling";
  const progress = { name, kind: PhaseKind.PROFILING, asked: 100n, sent: BigInt(sent), outstanding: 8n, ...phase };
  return runOf({ state, phase: name, phases: [progress] });
}

function setUp(isTty: boolean, width = 140) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const progress = new Progress({ write: (text) => written.push(text), isTty, width: () => width, now: () => clock.ms });
  return { progress, written, clock };
}

describe("progress into a pipe", () => {
  it("is a line at every change and every 5 s", () => {
    const { progress, written, clock } = setUp(false);
    progress.update(runOf({ state: RunState.CONFIGURING, phases: [] }));
    clock.ms = 400;
    progress.update(runOf({ state: RunState.CONFIGURING, phases: [] }));
    progress.update(running(0));
    for (let seconds = 1; seconds <= 11; seconds++) {
      clock.ms = 400 + 1000 * seconds;
      progress.update(running(5 * seconds));
    }
    progress.update(running(100, { outstanding: 0n }, RunState.DRAINING));
    progress.update(runOf({ state: RunState.COMPLETED, phases: [] }));
    expect(written).to.deep.equal([
      "making ready\n",
      "profiling  0/100 requests  8 in flight  0 s\n",
      "profiling  25/100 requests  5.0 req/s  8 in flight  5 s\n",
      "profiling  50/100 requests  5.0 req/s  8 in flight  10 s\n",
      "profiling (draining)  100/100 requests  16.3 req/s  0 in flight  0 s\n",
      "completed\n",
    ]);
  });

  it("tells the time of a run by duration, and the live TTFT", () => {
    const { progress, written } = setUp(false);
    progress.setLive({ ttftP50: 12.345 });
    progress.update(running(7, { asked: 0n, durationSec: 60 }));
    expect(written).to.deep.equal(["profiling  7 requests  8 in flight  TTFT p50 12.3 ms  0/60 s\n"]);
  });

  it("tells what the GPUs draw and what waits at the servers, as long as that is sampled", () => {
    const { progress, written, clock } = setUp(false);
    progress.setLive({ ttftP50: 12 });
    progress.setLive({ powerW: 1234.5, gpuPercent: 87.4, waiting: 3 });
    progress.update(running(7, { asked: 0n, durationSec: 60 }));
    progress.setLive({ powerW: undefined, gpuPercent: undefined, waiting: undefined });
    clock.ms = 6000;
    progress.update(running(7, { asked: 0n, durationSec: 60 }));
    expect(written).to.deep.equal([
      "profiling  7 requests  8 in flight  TTFT p50 12.0 ms  3 queued  GPU 1235 W 87 %  0/60 s\n",
      "profiling  7 requests  0.0 req/s  8 in flight  TTFT p50 12.0 ms  6/60 s\n",
    ]);
  });

  type LoadInit = NonNullable<MessageInitShape<typeof PhaseSpecSchema>["load"]>;

  function linesOf(load: LoadInit, ...rates: readonly (number | undefined)[]): string[] {
    const { progress, written, clock } = setUp(false);
    const spec = { phases: [{ name: "profiling", load }] };
    progress.setLive({ latenessP50: 0.31, latenessP99: 1.24 });
    for (const [n, rate] of [undefined, ...rates].entries()) {
      const phase = { name: "profiling", sent: BigInt(n * 249), ...(rate === undefined ? {} : { askedRatePerSec: rate }) };
      progress.update(runOf({ state: RunState.RUNNING, phase: "profiling", phases: [phase], spec }));
      clock.ms += 5000;
    }
    return written.slice(1);
  }

  it("shows the rate beside the one that is asked for now, however it changes, and the lateness", () => {
    const rest = "req/s  0 in flight  late p50 0.3 p99 1.2 ms";
    expect(linesOf({ case: "rate", value: { ratePerSec: 50 } }, 50, 66.66666, undefined)).to.deep.equal([
      `profiling  249 requests  49.8 of 50 ${rest}  5 s\n`,
      `profiling  498 requests  49.8 of 66.67 ${rest}  10 s\n`,
      `profiling  747 requests  49.8 ${rest}  15 s\n`,
    ]);
    expect(linesOf({ case: "userCentric", value: { users: 9, ratePerSec: 50 } }, 50)[0]).to.contain(`49.8 of 50 ${rest}`);
    expect(linesOf({ case: "schedule", value: {} }, undefined)[0]).to.contain(`49.8 ${rest}`);
  });

  it("does not call late what a ceiling or prefill slots hold back", () => {
    const ceilings: readonly LoadInit[] = [
      { case: "rate", value: { ratePerSec: 50, concurrencyCeiling: 4 } },
      { case: "schedule", value: { concurrencyCeiling: 4 } },
      { case: "userCentric", value: { users: 9, ratePerSec: 50, concurrencyCeiling: 4 } },
    ];
    for (const load of ceilings) expect(linesOf(load, undefined)[0]).to.contain("  held back p50 0.3 p99 1.2 ms  ");
  });

  it("does not count credits that wait for a slot as in flight", () => {
    const { progress, written } = setUp(false);
    const phases = [{ name: "profiling", load: { case: "concurrency" as const, value: { limit: 4 } } }];
    const now = [{ name: "profiling", asked: 100n, sent: 1n, outstanding: 200n }];
    progress.update(runOf({ state: RunState.RUNNING, phase: "profiling", phases: now, spec: { phases } }));
    expect(written).to.deep.equal(["profiling  1/100 requests  4 in flight  0 s\n"]);
  });

  it("counts the rate anew in a new phase", () => {
    const { progress, written, clock } = setUp(false);
    progress.update(runOf({ state: RunState.RUNNING, phase: "warmup", phases: [{ name: "warmup", asked: 9n, sent: 9n }] }));
    clock.ms = 1000;
    progress.update(running(1));
    expect(written.at(-1)).to.equal("profiling  1/100 requests  8 in flight  0 s\n");
  });

  it("lets no text of the suite steer the terminal", () => {
    const { progress, written } = setUp(false);
    progress.update(runOf({ state: RunState.FAILED, reason: "bad\x1b[2J\nworse" }));
    expect(written).to.deep.equal(["failed\n"]);
  });
});

describe("progress on a terminal", () => {
  it("begins with a bar where there is room, by what ends the phase first", () => {
    const { progress, written, clock } = setUp(true, 80);
    progress.update(running(25, { durationSec: 10 }));
    clock.ms = 5_060;
    progress.update(running(26, { durationSec: 10 }));
    const bars = written.map((text) => text.slice(5).split("%")[0]);
    expect(bars).to.deep.equal(["▕█████               ▏ 25 ", "▕██████████          ▏ 51 "]);
    for (const text of written) expect(text.slice(5).length).to.be.at.most(79);
  });

  it("leaves the bar where sending has ended while answers still come, with their own time beside it", () => {
    const { progress, written, clock } = setUp(true, 140);
    progress.update(running(7, { asked: 0n, durationSec: 10 }));
    clock.ms = 5_000;
    progress.update(running(50, { asked: 0n, durationSec: 10 }));
    clock.ms = 6_000;
    progress.update(running(50, { asked: 0n, durationSec: 10 }, RunState.DRAINING));
    clock.ms = 8_000;
    progress.update(running(50, { asked: 0n, durationSec: 10 }, RunState.DRAINING));
    expect(written.at(-1)?.slice(5)).to.match(/^▕█{10} {10}▏ 50 % {2}profiling \(draining\).* {2}2 s$/);
  });

  it("is one line, drawn again within the width", () => {
    const { progress, written, clock } = setUp(true, 30);
    progress.update(running(1));
    clock.ms = 250;
    progress.update(running(2));
    progress.clear();
    progress.clear();
    expect(written).to.deep.equal([
      "\r\x1b[2Kprofiling  1/100 requests  8…",
      "\r\x1b[2Kprofiling  2/100 requests  4…",
      "\r\x1b[2K",
    ]);
  });
});
