import { existsSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind, ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DirectorySchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { type Command, CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import { MeasuredSuiteClock } from "../../../services/common/member/suite-clock.ts";
import { wireRecordOf } from "../../../services/common/metric-record-codec.ts";
import { SHARD_BLOCK } from "../../../services/common/record-shard.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { protocolVersion } from "../../../services/common/version.ts";
import { createRecordsManagerModule } from "../../../services/records-manager/module.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { METRIC_TAGS, record } from "../../unit/records-manager/records.ts";
import { until } from "../rpc/harness.ts";
import { type RunFolder, temporaryFolder } from "./run-fixture.ts";

const spec = create(RunSpecSchema, {
  models: ["m"],
  phases: [{ name: "profiling", kind: PhaseKind.PROFILING }],
  recordManagers: 2,
});

/** A records-manager with a folder of its own, as on a host of its own. */
async function host(shard: number, reports: unknown[]) {
  const base: RunFolder = temporaryFolder();
  const addresses = createAddresses({ token: undefined });
  const clock = new MeasuredSuiteClock();
  clock.share();
  const module = createRecordsManagerModule({
    log: silentLogger,
    clock,
    addresses,
    runsDir: base.folder,
    folderInCatalog: async () => undefined,
    report: (event) => reports.push(event),
  });
  const server = createRpcServer({ services: module.implementations, listen: {}, auth: { insecure: true }, log: silentLogger });
  const { address } = await server.start();
  const client = createClient(RecordsManagerService, { address });
  const folder = join(base.folder, "run-1");
  return {
    address,
    addresses,
    client,
    folder,
    command: (action: Command["action"]) =>
      module.onCommand?.(
        create(CommandSchema, { commandId: 1n, runId: "run-1", service: ServiceKind.RECORDS_MANAGER, action }),
        AbortSignal.timeout(20_000),
      ),
    configure: () =>
      module.onCommand?.(
        create(CommandSchema, {
          commandId: 1n,
          runId: "run-1",
          service: ServiceKind.RECORDS_MANAGER,
          action: { case: "configure", value: { spec, folder, shard, createWallNs: 1e18 } },
        }),
        AbortSignal.timeout(20_000),
      ),
    /** Sends records to whoever writes this shard; resolves when they are committed. */
    async send(ids: readonly number[], wantedShard = shard): Promise<void> {
      const stream = client.ingestRecords();
      const done = Promise.withResolvers<void>();
      stream.onMessage(({ ackedSeq }) => {
        if (ackedSeq === 1n) done.resolve();
      });
      stream.onClose((error) => done.reject(error));
      const hello = { protocolVersion, runId: "run-1", memberId: "rp", tags: METRIC_TAGS, shard: wantedShard };
      stream.send({ message: { case: "hello", value: hello } });
      const records = ids.map((id) => wireRecordOf(record(id, { metrics: { time_to_first_token: id / 100 } }), "rp"));
      stream.send({ message: { case: "batch", value: { seq: 1n, records } } });
      await done.promise;
      stream.end();
    },
    async close(): Promise<void> {
      client.close();
      addresses.close();
      await module.stop(0);
      await server.stop(0);
      base.remove();
    },
  };
}

describe("records-managers on several hosts", function () {
  this.timeout(60_000);
  const reports: unknown[] = [];
  let hosts: Awaited<ReturnType<typeof host>>[] = [];

  beforeEach(async () => {
    hosts = [await host(0, reports), await host(1, reports)];
    const entries = hosts.map(({ address }, shard) => {
      return { service: ServiceKind.RECORDS_MANAGER, memberId: `records-manager-${shard + 1}`, address, shard };
    });
    for (const { addresses } of hosts) addresses.update(create(DirectorySchema, { version: 1n, entries }));
    for (const each of hosts) await each.configure();
  });
  afterEach(async () => {
    for (const each of hosts) await each.close();
  });

  const range = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

  it("have one file in the end, where the run's is, and none elsewhere", async () => {
    const [first, second] = hosts;
    await first?.send(range(1, 100));
    await second?.send(range(SHARD_BLOCK, 50));
    const drawn = [
      { first: 1n, last: 100n },
      { first: BigInt(SHARD_BLOCK), last: BigInt(SHARD_BLOCK + 49) },
    ];
    const source = { case: "account" as const, value: { phase: 0, drawn } };
    for (const each of hosts)
      await each.command(create(CommandSchema, { action: { case: "closePhase", value: { source } } }).action);
    const finish = create(CommandSchema, { action: { case: "finish", value: { state: RunState.COMPLETED } } }).action;
    await second?.command(finish);
    await first?.command(finish);
    const summary = summarizeRun(first?.folder ?? "");
    expect(summary.state).to.equal("COMPLETED");
    expect(summary.phases[0]?.counts).to.include({ drawn: 150, succeeded: 150, missingRecord: 0 });
    expect(existsSync(join(first?.folder ?? "", "shard-1"))).to.equal(false);
    expect(existsSync(join(second?.folder ?? "", "shard-1"))).to.equal(false);
  });

  it("tell live figures of all, of the values of all, from shard 0", async () => {
    const [first, second] = hosts;
    await first?.send(range(1, 99));
    await second?.send(range(SHARD_BLOCK, 101));
    const ending = new AbortController();
    const seen: { committed: bigint; p50: number | undefined }[] = [];
    const watching = (async () => {
      const answers = first?.client.watchSummary({ runId: "run-1", intervalMs: 100 }, { signal: ending.signal });
      for await (const { committed, phase } of answers ?? []) {
        seen.push({ committed, p50: phase?.metrics.find(({ tag }) => tag === "time_to_first_token")?.p50 });
      }
    })().catch(() => {});
    await until("all rows", () => seen.at(-1)?.committed === 200n && seen.at(-1)?.p50 !== undefined, 20_000);
    // The 100th of 200 values is the least of the second shard: of no mean of medians.
    expect(seen.at(-1)?.p50).to.be.closeTo(SHARD_BLOCK / 100, 0.05);
    ending.abort();
    await watching;
    const answers = second?.client.watchSummary({ runId: "run-1" }) ?? [];
    const error = await (async () => {
      for await (const _ of answers) return undefined;
    })().catch((caught) => caught);
    expect(error).to.include({ code: "failed_precondition", message: "shard 1 is written here: shard 0 tells of all" });
  });

  it("refuse records of another's shard", async () => {
    const error = await hosts[1]?.send([1], 0).catch((caught) => caught);
    expect(error).to.include({ code: "unavailable", message: "shard 0 of run run-1 is not written here, but shard 1" });
  });
});
