/**
 * A suite whose services are processes of their own, as on several hosts: each `assay serve --services=…` behind a relay of a network
 * that can be disturbed, looked at from outside alone. Ended with the test, whatever became of it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { createMock, type Mock } from "../../mock/server.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { phaseOf, type SpecInit, specOf } from "../service/controller/suite.ts";
import { until } from "../service/rpc/harness.ts";
import { type LoggedTarget, logged } from "./logged-target.ts";
import { hostMark, listeningPortOf, Network, processesOf, type Relay } from "./network.ts";
import { rowsIn } from "./suite.ts";

const program = join(import.meta.dirname, "../../services/main.ts");
/** Of a machine that has much else to do. */
const startsWithinMs = 90_000;
/** Longest that any run of these tests may take to end after its fault. */
const endsWithinMs = 120_000;
const pollMs = 200;

export interface Part {
  readonly child: ChildProcess;
  readonly relay: Relay;
  stderr(): string;
}

export interface PartOptions {
  /** Whose network and processes it shares. Default: `base`. */
  readonly host?: string;
  /** Of a part that is gone: others find this one where that was. Default: a port of its own. */
  readonly relay?: Relay;
  readonly args?: readonly string[];
  /** What the shell does before the program takes its place, as `ulimit -n 64`. Default: nothing. */
  readonly prelude?: string;
}

export class Parts {
  readonly folder = mkdtempSync(join(tmpdir(), "assay-parts-"));
  readonly network = new Network();
  readonly runsDir = join(this.folder, "runs");
  /** Name of a host in the environment of its processes: no other test's. */
  private readonly mark = randomUUID().slice(0, 8);
  private readonly children = new Set<ChildProcess>();
  private readonly closers: (() => unknown)[] = [];
  private controller: Relay | undefined;

  /** The controller's process first; all others join it. */
  async start(services: string, { host = "base", relay, args = [], prelude }: PartOptions = {}): Promise<Part> {
    const at = relay ?? (await this.network.relayTo(this.nameOf(host)));
    if (services.split(",").includes("controller")) this.controller = at;
    const words = [
      ...["serve", `--services=${services}`, "--insecure", "--cores=2", `--advertise=${at.address}`, ...args],
      ...(this.controller === at ? [`--runs-dir=${this.runsDir}`] : [`--controller=${this.controller?.address}`]),
    ];
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      XDG_RUNTIME_DIR: join(this.folder, "run"),
      XDG_DATA_HOME: join(this.folder, "data"),
      ASSAY_RUNS_DIR: this.runsDir,
      [hostMark]: this.nameOf(host),
    };
    const [command, own] =
      prelude === undefined ? [process.execPath, []] : ["sh", ["-c", `${prelude}; exec "$0" "$@"`, process.execPath]];
    const child = spawn(command, [...own, program, ...words], { stdio: ["ignore", "pipe", "pipe"], env, cwd: this.folder });
    this.children.add(child);
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    at.target = undefined;
    // It is reached before it says that it listens: by its own workers, and by whoever has read the directory.
    const says = (): boolean => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`serve ${services} ended: ${err}`);
      at.target ??= listeningPortOf(child.pid ?? 0);
      return out.startsWith("listening on ");
    };
    await until(`assay serve --services=${services} to listen`, says, startsWithinMs).catch((error: unknown) => {
      throw new Error(`${error}\n${err}`);
    });
    return { child, relay: at, stderr: () => err };
  }

  /** As the processes of a host have it in their environment, and the network in its rules. */
  nameOf(host: string): string {
    return `${this.mark}-${host}`;
  }

  /** Processes of a host that live. */
  pidsOf(host: string): number[] {
    return processesOf(this.nameOf(host));
  }

  /** SIGKILL, and it is reaped. */
  async kill({ child }: Part): Promise<void> {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    this.children.delete(child);
  }

  /** The built-in server, with a log of what it receives. */
  async target(options: Parameters<typeof createMock>[0] = {}): Promise<LoggedTarget> {
    const mock: Mock = await createMock({ ttftMs: 20, itlMs: 2, ...options });
    const target = await logged(mock);
    this.closers.push(
      () => target.close(),
      () => mock.stop(),
    );
    return target;
  }

  /** The same on a host of its own, whose network can be disturbed. */
  async targetOn(host: string, options: Parameters<typeof createMock>[0] = {}): Promise<LoggedTarget> {
    const target = await this.target(options);
    const relay = await this.network.relayTo(this.nameOf(host));
    relay.target = Number(new URL(target.url).port);
    return { ...target, url: `http://${relay.address}` };
  }

  client() {
    const client = createClient(RunService, { address: this.controller?.address ?? "" });
    this.closers.push(() => client.close());
    return client;
  }

  /** Waits until so many members serve a service each. */
  async joined(count: number): Promise<void> {
    const client = createClient(SuiteService, { address: this.controller?.address ?? "" });
    let members = 0;
    try {
      await until(
        `${count} members`,
        () => {
          void client.getSuite({}).then(
            (suite) => (members = suite.members.length),
            () => {},
          );
          return members >= count;
        },
        startsWithinMs,
      );
    } finally {
      client.close();
    }
  }

  /** Of the only run that the suite has, once there is one. */
  async folderOfRun(): Promise<string> {
    const client = this.client();
    let folder = "";
    const look = (): boolean => {
      void client.listRuns({}).then(
        ({ runs }) => (folder = runs[0]?.folder ?? ""),
        () => {},
      );
      return folder !== "";
    };
    await until("a run", look, startsWithinMs);
    return folder;
  }

  /** Starts a run and waits until `rows` of it are committed; 8 requests at once on as many workers as are said. */
  async runUnderWay(
    { url }: Pick<LoggedTarget, "url">,
    { requests = 400, workers = 2, rows = 20, change = {} }: RunOptions = {},
  ): Promise<RunUnderWay> {
    const client = this.client();
    const { run } = await client.createRun(
      { spec: this.spec(url, { requests, workers, change }) },
      { timeoutMs: startsWithinMs },
    );
    const { runId = "", folder = "" } = run ?? {};
    await until(`${rows} rows of a run under way`, () => rowsIn(folder) >= rows, startsWithinMs);
    return { runId, folder, ended: () => this.ended(runId) };
  }

  spec(url: string, { requests = 400, workers = 2, change = {} }: RunOptions): RunSpec {
    const load = { case: "concurrency" as const, value: { limit: 8 } };
    return specOf({
      target: { urls: [{ url }], noProbe: true },
      phases: [{ ...phaseOf("profiling"), load, stop: { requestCount: BigInt(requests) }, graceSec: 5 }],
      workers: { maxWorkers: workers },
      dataset: { source: { case: "synthetic", value: { inputTokens: { mean: 64 }, outputTokens: { mean: 32 } } } },
      endpoint: { streaming: true },
      ...change,
    });
  }

  /** Asks until the run is over: a stream might be of those that the fault breaks. */
  async ended(runId: string): Promise<Run> {
    const client = this.client();
    const deadlineMs = performance.now() + endsWithinMs;
    let said = "";
    while (performance.now() < deadlineMs) {
      try {
        const { run } = await client.getRun({ runId });
        if (run !== undefined && run.state >= RunState.COMPLETED) return run;
        said = `${RunState[run?.state ?? 0]} ${run?.reason}`;
      } catch (error) {
        said = String(error);
      }
      await delay(pollMs);
    }
    throw new Error(`the run did not end within ${endsWithinMs / 1000} s: ${said}`);
  }

  /** Ends everything; what a failed test wants to know is in the processes' words. */
  async close(): Promise<void> {
    const ends = [...this.children].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    });
    await Promise.all(ends);
    this.network.close();
    for (const close of this.closers) await close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

export interface RunOptions {
  readonly requests?: number;
  readonly workers?: number;
  readonly rows?: number;
  readonly change?: SpecInit;
}

export interface RunUnderWay {
  readonly runId: string;
  readonly folder: string;
  /** The run as it ended. */
  ended(): Promise<Run>;
}

export const stateOf = ({ state, reason }: Run): readonly [string, string] => [RunState[state] ?? "", reason];
