/** A real controller on a port of its own, with short patience, and clients to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, type RunEvent, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService, type WatchRunResponse } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { noTracer } from "../../../services/common/observe/tracing.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { RUN_BOUNDS } from "../../../services/controller/core/run-machine.ts";
import { type ControllerDeps, createControllerModule } from "../../../services/controller/module.ts";

export type SpecInit = Exclude<MessageInitShape<typeof RunSpecSchema>, { $typeName: string }>;

/** Deadlines of a second where a run has tens of them. */
export const QUICK: NonNullable<ControllerDeps["timeouts"]> = {
  datasetMs: 1000,
  joinMs: 800,
  configureMs: 400,
  phaseMs: 1000,
  closeMs: 1000,
  finishMs: 1000,
  releaseMs: 400,
  returnMs: 300,
  observerMs: 50,
  telemetryMs: 200,
  bounds: { ...RUN_BOUNDS, answerNs: 0.3e9, recordsNs: 0.5e9, marginNs: 0.3e9, leaseOverNs: 0.2e9 },
};

export class TestSuite {
  readonly folder = mkdtempSync(join(tmpdir(), "assay-suite-"));
  readonly addresses = createAddresses({ token: undefined });
  address = "";
  runs!: Client<typeof RunService>;
  suites!: Client<typeof SuiteService>;
  module!: ServiceModule;
  private server!: RpcServer;
  private clients: { close(): void }[] = [];

  static async start(change: Partial<ControllerDeps> = {}): Promise<TestSuite> {
    const suite = new TestSuite();
    await suite.open(change);
    return suite;
  }

  /** Again, after `stop`, over the same folder: a controller that was restarted. */
  async open(change: Partial<ControllerDeps> = {}, port = 0): Promise<void> {
    const { addresses } = this;
    this.module = createControllerModule({
      log: silentLogger,
      tracer: noTracer,
      addresses,
      runsDir: this.folder,
      artifactBase: undefined,
      maxQueued: 100,
      maxRuns: 0,
      channelTo: (address) => addresses.channel(address),
      timeouts: QUICK,
      patience: { brokenForNs: 0.3e9, silentForNs: 2e9 },
      ...change,
    });
    this.server = createRpcServer({
      services: this.module.implementations,
      listen: { port },
      auth: { insecure: true },
      log: silentLogger,
      ...(change.tracer === undefined ? {} : { tracer: change.tracer }),
    });
    this.address = (await this.server.start()).address;
    this.runs = createClient(RunService, { address: this.address });
    this.suites = createClient(SuiteService, { address: this.address });
    this.clients.push(this.runs, this.suites);
  }

  get port(): number {
    return Number(this.address.split(":").at(-1));
  }

  async stop(): Promise<void> {
    await this.module.stop(0);
    await this.server.stop(0);
  }

  async close(): Promise<void> {
    await this.stop();
    for (const client of this.clients) client.close();
    this.addresses.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Creates a run; resolves with its id. */
  async create(spec: RunSpec = specOf(), runId = ""): Promise<string> {
    return (await this.runs.createRun({ spec, runId })).run?.runId ?? "";
  }

  watch(runId: string): RunWatch {
    return new RunWatch(this.runs.watchRun({ runId, intervalMs: 50 }, { timeoutMs: 15_000 }));
  }
}

/** What a watcher of a run has seen. */
export class RunWatch {
  readonly states: RunState[] = [];
  readonly events: RunEvent[] = [];
  run: Run | undefined;
  /** The run as it stood in the last message; rejects with what broke the stream. */
  readonly end: Promise<Run>;
  private changed = Promise.withResolvers<void>();
  private isOver = false;

  constructor(messages: AsyncIterable<WatchRunResponse>) {
    this.end = this.follow(messages);
    this.end.catch(() => {});
  }

  /** Resolves when the run has been seen in this state; rejects when the stream ends before. */
  async seen(state: RunState): Promise<void> {
    while (!this.states.includes(state)) {
      if (this.isOver) throw new Error(`the run went by ${this.states.map((each) => RunState[each])} (${this.run?.reason})`);
      await this.changed.promise;
    }
  }

  private async follow(messages: AsyncIterable<WatchRunResponse>): Promise<Run> {
    try {
      for await (const { run, events } of messages) {
        this.run = run;
        if (run !== undefined && this.states.at(-1) !== run.state) this.states.push(run.state);
        this.events.push(...events);
        this.tell();
      }
    } finally {
      this.isOver = true;
      this.tell();
    }
    if (this.run === undefined) throw new Error("the stream ended without a run");
    return this.run;
  }

  private tell(): void {
    this.changed.resolve();
    this.changed = Promise.withResolvers();
  }
}

/** Ten requests in one measured phase, unless `change` says otherwise. */
export function specOf(change: SpecInit = {}): RunSpec {
  return create(RunSpecSchema, {
    models: ["m"],
    phases: [phaseOf("profiling")],
    telemetry: { disableGpu: true },
    ...change,
  });
}

export function phaseOf(name: string, kind = PhaseKind.PROFILING) {
  return {
    name,
    kind,
    load: { case: "concurrency" as const, value: { limit: 4 } },
    stop: { requestCount: 10n },
    graceSec: 1,
  };
}
