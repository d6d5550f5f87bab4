/**
 * Every method that a suite serves, called as nobody should: the methods are asked of the processes themselves, so that a new one is
 * among them. The same calls every time; `ASSAY_FUZZ_SEED` draws others, `ASSAY_FUZZ_ROUNDS` more.
 */
import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import { type DescMethod, fromJson } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { TelemetryService } from "../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { AssayError, messageOf } from "../../services/common/errors.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { protocolVersion } from "../../services/common/version.ts";
import { heapBytesOf } from "../support/fuzz/debugger.ts";
import { type MessageOptions, manyBytes, messageBytes } from "../support/fuzz/messages.ts";
import { servedMethods } from "../support/fuzz/served-methods.ts";
import { type Ending, framed, type WireCall, WireCaller } from "../support/fuzz/wire-call.ts";
import { parseMetricsPage } from "../support/metrics-page.ts";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";

const seed = Number(process.env.ASSAY_FUZZ_SEED ?? 1);
/** Random calls of each method in each of two rounds. */
const rounds = Number(process.env.ASSAY_FUZZ_ROUNDS ?? 6);
const endsWithinMs = 60_000;
const deadlineMs = 300;
const atOnce = 16;
const mostProblems = 10;
const pollMs = 50;
const maxMessageBytes = 16 << 20;
/** What the heap may have more of after the second round than after the first. */
const heapSlackBytes = 24 << 20;

describe("every method of a suite", function () {
  this.timeout(600_000);
  let suite: ServedSuite;
  let channel: Channel;

  before(async () => {
    suite = await startServedSuite({ args: ["--metrics", "--max-workers=2"], nodeFlags: ["--inspect=127.0.0.1:0"] });
    channel = createChannel({ address: suite.address, token: suite.token });
    // What is made at the first run, and stays, is there before anything is counted.
    await completeRun();
  });

  after(async () => {
    channel?.close();
    await suite?.stop();
  });

  it(`ends each call with a status, whatever comes, and is as it was (seed ${seed})`, async () => {
    // A run is over before everybody has let go of it.
    const before = await settledState(isAtRest, () => stateOf(suite, channel));
    const [names, answered] = [new Set<string>(), new Set<string>()];
    const heaps: number[] = [];
    for (const eachSeed of [seed, seed + 1]) {
      const runId = await startLongRun();
      for (const { address, methods } of await placesOf(suite, channel)) {
        for (const method of methods) names.add(nameOf(method));
        const calls = methods.flatMap((method) => callsOf(method, eachSeed, optionsOf(runId, method)));
        for (const path of await callAll(suite, address, calls)) answered.add(path);
      }
      await tidyUp(channel, runId);
      heaps.push(await heapBytesOf(suite.said()));
    }
    expect([...names]).to.include.members([
      "assay.worker.v1.WorkerService/SendOne",
      "assay.controller.v1.ControllerService/Join",
    ]);
    expect(
      [...names].filter((name) => !answered.has(`/${name}`)),
      "methods that never gave a status",
    ).to.deep.equal([]);
    // Workers that were ended, as they were asked to be, are there again.
    await completeRun();
    const isAsBefore = (state: SuiteState): boolean => isDeepStrictEqual(state, before);
    expect(await settledState(isAsBefore, () => stateOf(suite, channel))).to.deep.equal(before);
    const [first = 0, second = 0] = heaps;
    expect(second, `bytes of the heap after the second round, ${first} after the first`).to.be.below(first + heapSlackBytes);
  });

  it("still completes a run afterwards, with every request accounted for", completeRun);

  async function startLongRun(): Promise<string> {
    const runId = await createRun({ durationSec: 600 });
    await untilState(channel, runId, RunState.RUNNING);
    return runId;
  }

  async function completeRun(): Promise<void> {
    const { phases, reason } = await untilState(channel, await createRun({ requestCount: 20 }), RunState.COMPLETED);
    expect(
      phases.map(({ identity }) => identity?.succeeded),
      reason,
    ).to.deep.equal([20n]);
  }

  async function createRun(stop: { readonly durationSec: number } | { readonly requestCount: number }): Promise<string> {
    const spec = fromJson(RunSpecSchema, {
      models: ["mock"],
      target: { urls: [{ url: suite.targetUrl }] },
      endpoint: { type: "chat", streaming: true },
      dataset: { synthetic: { inputTokens: { mean: 16 }, outputTokens: { mean: 8 } } },
      phases: [{ name: "profiling", kind: "PHASE_KIND_PROFILING", concurrency: { limit: 2 }, stop }],
      workers: { maxWorkers: 1 },
    });
    const { run } = await patiently(() => createClient(RunService, channel).createRun({ spec }, patience));
    return run?.runId ?? "";
  }
});

/** What a suite has of calls, runs and members. */
interface SuiteState {
  /** Those that are not 0. */
  readonly gauges: Readonly<Record<string, number>>;
  readonly members: readonly string[];
  /** Of its process, in steps of 16. */
  readonly descriptors: number;
}

/** A process and what it serves. */
interface ServedPlace {
  readonly address: string;
  readonly methods: readonly DescMethod[];
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

/** Workers first: the suite's own process ends them when it is asked to. */
async function placesOf({ address, token }: ServedSuite, channel: Channel): Promise<ServedPlace[]> {
  const { members } = await patiently(() => createClient(SuiteService, channel).getSuite({}, patience));
  const others = members.filter((member) => member.isConnected && member.address !== address).map((member) => member.address);
  return Promise.all(
    [...new Set(others).add(address)].map(async (place) => ({
      address: place,
      methods: await servedMethods({ address: place, token }),
    })),
  );
}

/** Ids that lead further than to `there is no run`; methods that end what they name get none of a run that is still needed. */
function optionsOf(runId: string, { name }: DescMethod): MessageOptions {
  const runs = /^(Cancel|Delete|Stop|Drive|Spawn)/.test(name) ? ["", "no-run"] : [runId, runId, "", "..", "no-run"];
  return {
    // What is begun for a run by its id is ended by it below.
    isExact: name === "StartCollection",
    texts: {
      run_id: runs,
      dataset_id: ["dataset-1", "dataset-2", "upload-00000000000000000000000000000000", ""],
      worker_id: ["worker-fuzz", ""],
      worker_ids: ["worker-none"],
      member_id: ["member-fuzz", ""],
      tags: recordMetrics.map(({ tag }) => tag),
      url: ["http://127.0.0.1:1", "", "none:"],
      urls: ["http://127.0.0.1:1", ""],
      // Nothing outside of this machine is asked.
      proxy_url: [""],
    },
    numbers: { protocol_version: [protocolVersion], timeout_ms: [1, 50], watch_ms: [0, 50], grace_ms: [1], count: [0, 1] },
  };
}

function callsOf(method: DescMethod, withSeed: number, options: MessageOptions): WireCall[] {
  const path = `/${nameOf(method)}`;
  const headers = {};
  const bytes = messageBytes(method.input, options);
  const messages = fc.array(bytes, {
    maxLength: method.methodKind === "unary" || method.methodKind === "server_streaming" ? 2 : 5,
  });
  const endings = fc.constantFrom<Ending>("half-close", "half-close", "cancel", "deadline");
  const drawn = fc.sample(
    fc.record({ path: fc.constant(path), frames: messages.map((all) => all.map((one) => framed(one))), ending: endings }),
    {
      seed: withSeed,
      numRuns: rounds,
    },
  );
  const many = manyBytes(method.input);
  const zeros = new Uint8Array(1 << 20);
  return [
    ...drawn,
    { path, frames: [], ending: "half-close" },
    { path, frames: [], ending: "cancel" },
    { path, frames: [framed(new Uint8Array())], ending: "half-close" },
    ...(many === undefined ? [] : [{ path, frames: [framed(many)], ending: "half-close" as const }]),
    // Cut in its head, in its bytes, longer than may be, and compressed by nobody knows what.
    { path, frames: [Buffer.of(0, 0)], ending: "half-close" },
    { path, frames: [framed(new Uint8Array(3), 100)], ending: "half-close" },
    { path, frames: [framed(new Uint8Array(3), maxMessageBytes + 1)], ending: "deadline" },
    { path, frames: [framed(new Uint8Array(8), 0xffff_fff0)], ending: "deadline" },
    { path, frames: [framed(new Uint8Array(8), 8, true)], ending: "half-close" },
    {
      path,
      frames: [framed(new Uint8Array(8), 8, true)],
      headers: { ...headers, "grpc-encoding": "gzip" },
      ending: "half-close",
    },
    { path, frames: [framed(bomb, bomb.length, true)], headers: { ...headers, "grpc-encoding": "gzip" }, ending: "half-close" },
    { path, frames: [framed(zeros)], headers: { "grpc-encoding": "none of these" }, ending: "half-close" },
  ];
}

/** 256 MiB of nothing. */
const bomb = gzipSync(new Uint8Array(256 << 20), { level: 1 });

/** Paths of the calls that gave a status. Fails, naming the calls, where some do not end, or the process does. */
async function callAll({ token, exitCode }: ServedSuite, address: string, calls: readonly WireCall[]): Promise<Set<string>> {
  const answered = new Set<string>();
  const problems: string[] = [];
  const waiting = calls.values();
  const playOn = async (): Promise<void> => {
    let caller = new WireCaller(address, token);
    for (const call of waiting) {
      // What breaks its connection breaks no other's.
      if (!caller.isOpen) caller = new WireCaller(address, token);
      try {
        const { status } = await caller.call(call, endsWithinMs, deadlineMs);
        if (status !== undefined) answered.add(call.path);
      } catch (error) {
        problems.push(messageOf(error));
      }
      if (problems.length >= mostProblems || exitCode() !== null) break;
    }
    caller.close();
  };
  await Promise.all(Array.from({ length: atOnce }, playOn));
  expect(exitCode(), `exit code of the suite while ${address} was called`).to.equal(null);
  expect(problems).to.deep.equal([]);
  return answered;
}

/** What callers may leave behind by right is taken away as they would: workers, collections, the run. */
async function tidyUp(channel: Channel, runId: string): Promise<void> {
  const runs = createClient(RunService, channel);
  const telemetry = createClient(TelemetryService, channel);
  for (const id of [runId, "", "..", "no-run"]) await telemetry.stopCollection({ runId: id }).catch(ignoreAssayError);
  await runs.cancelRun({ runId, now: true }).catch(ignoreAssayError);
  await untilState(channel, runId, RunState.CANCELLED, RunState.FAILED, RunState.COMPLETED);
}

function ignoreAssayError(error: unknown): void {
  if (!(error instanceof AssayError)) throw error;
}

const patience = { timeoutMs: endsWithinMs, waitForReady: true };

/** Once more where the connection broke: on a busy machine a ping may come late, and that ends no process. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== "unavailable") throw error;
    return call();
  }
}

async function untilState(channel: Channel, runId: string, ...states: RunState[]): Promise<Run> {
  const end = performance.now() + 2 * endsWithinMs;
  for (;;) {
    const { run } = await patiently(() => createClient(RunService, channel).getRun({ runId }, patience));
    if (run !== undefined && states.includes(run.state)) return run;
    const isOver = run !== undefined && run.state >= RunState.COMPLETED;
    if (isOver || performance.now() > end) {
      throw new Error(
        `waited for run ${runId} to be ${states.map((state) => RunState[state]).join(" or ")}: ${RunState[run?.state ?? 0]} ${run?.reason}`,
      );
    }
    await delay(pollMs);
  }
}

/** Of the process itself, of runs that have ended, of datasets, of which the newest are kept. */
const ownPace = /^assay_process_|_ratio$|^assay_controller_runs$|^assay_dataset_prepared_datasets$/;

/** What must be as before: streams that stand, members, what waits, descriptors within a few connections. */
async function stateOf({ address, pid }: ServedSuite, channel: Channel): Promise<SuiteState> {
  const text = await (await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(endsWithinMs) })).text();
  const { samples, types } = parseMetricsPage(text);
  const gauges = samples.filter(({ name, value }) => value !== 0 && types.get(name) === "gauge" && !ownPace.test(name));
  const { members } = await patiently(() => createClient(SuiteService, channel).getSuite({}, patience));
  return {
    gauges: Object.fromEntries(gauges.map(({ name, labels, value }) => [`${name} ${[...labels.values()].join(" ")}`, value])),
    members: members
      .filter(({ isConnected }) => isConnected)
      .map(({ services }) => services.map((one) => ServiceKind[one]).join())
      .sort(),
    descriptors: Math.floor(readdirSync(`/proc/${pid}/fd`).length / 16),
  };
}

/** Nothing is open but what members are by. */
function isAtRest({ gauges }: SuiteState): boolean {
  return Object.keys(gauges).every((name) => /^assay_(controller_members|worker_manager_workers) | Join$/.test(name));
}

/** The state once it is as wanted, or as it was when the time was over. */
async function settledState(isWanted: (state: SuiteState) => boolean, read: () => Promise<SuiteState>): Promise<SuiteState> {
  const end = performance.now() + endsWithinMs;
  for (;;) {
    const state = await read();
    if (isWanted(state) || performance.now() > end) return state;
    await delay(pollMs);
  }
}
