/**
 * Records per second from the worker's stream to a committed row, and CPU a record, for small JSON answers and for streams of 16
 * chunks: through the records process of a local run, and with the record-processor in a process of its own
 * (`--record-processors 1`). `node bench/records.ts [records per row]`. This process plays a worker: it makes records and sends them by a
 * worker's own sender. All processes are started with the flags that they have in a suite.
 */
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { RecordProcessorService } from "../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { silentLogger } from "../services/common/logger.ts";
import type { RawRecord } from "../services/common/raw-record.ts";
import { createClient } from "../services/common/rpc/client.ts";
import { protocolVersion } from "../services/common/version.ts";
import { RecordSender } from "../services/worker/record-sender.ts";
import { workerFlags } from "../services/worker-command.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { plainRecord, shapes, streamedRecord } from "./support/raw-records.ts";
import { Side, type Used } from "./support/side.ts";

const count = Number(process.argv[2] ?? 100_000);
const warmUpCount = Math.min(30_000, count);
const streamedBar = 30_000;
/** As many as come in one turn of a busy worker, about. */
const turnRecords = 256;
/** A worker's window. */
const unackedBytes = 16 << 20;
const drainedMs = 60_000;
const distinct = 1024;

// A worker has flags of its own for V8, which only a new process takes.
if (!workerFlags.every((flag) => process.execArgv.includes(flag))) {
  const args = [...workerFlags, ...process.argv.slice(1)];
  process.exit(spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1);
}
process.stdout.write(machineLine());
const codecs = { processRecords: { requestSerialize: (bytes: Uint8Array) => bytes } };

/** A worker's way of sending records. */
class Feeder {
  private readonly sender: RecordSender;
  private readonly records: readonly RawRecord[];
  private acked = Promise.withResolvers<void>();
  private creditId = 0;

  constructor(address: string, records: readonly RawRecord[]) {
    this.records = records;
    this.sender = new RecordSender({
      dial: () => createClient(RecordProcessorService, { address }, codecs).processRecords(),
      hello: { protocolVersion, runId: "run", workerId: "worker-1", incarnation: 1n, wallOffsetNs: 1.7e18 },
      spillPath: join(tmpdir(), `assay-bench-spill-${process.pid}`),
      log: silentLogger,
      onRoom: () => {
        this.acked.resolve();
        this.acked = Promise.withResolvers();
      },
    });
  }

  get ready(): Promise<void> {
    return this.sender.ready;
  }

  async end(): Promise<void> {
    await this.sender.close();
  }

  /** Sends so many records; resolves when all of them are acked. */
  async feed(count: number): Promise<void> {
    const last = this.creditId + count;
    while (this.creditId < last) {
      const turn = Math.min(last, this.creditId + turnRecords);
      while (this.creditId < turn) {
        const record = this.records[++this.creditId % this.records.length] as RawRecord;
        this.sender.add({ ...record, creditId: this.creditId });
      }
      await nextTurn();
      while (this.sender.stats.bytes > unackedBytes) await this.acked.promise;
    }
    if (!(await this.sender.drained(AbortSignal.timeout(drainedMs)))) throw new Error("records were not committed in time");
  }
}

/** Who takes the records, and who commits them. */
interface Sides {
  readonly processor: Side;
  readonly manager: Side;
}

const arrangements: readonly (readonly [string, () => Promise<Sides>])[] = [
  ["one records process", inOne],
  ["two", apart],
];
const figures: Figure[] = [];
for (const [where, start] of arrangements) {
  for (const [name, recordOf, bar] of [
    ["small JSON", plainRecord, undefined],
    ["streams of 16 chunks", (id: number) => streamedRecord(shapes.vllm, id, 16), streamedBar],
  ] as const) {
    const { perSec, cpuUs } = await measure(
      await start(),
      Array.from({ length: distinct }, (_, index) => recordOf(index + 1)),
    );
    const title = `${where}, ${name}`;
    figures.push(
      {
        figure: `${title}: committed`,
        measured: perSec,
        unit: "/s",
        bar: bar === undefined ? bar : { of: "figure", atLeast: bar },
      },
      { figure: `${title}: CPU a record`, measured: cpuUs, unit: "µs" },
    );
  }
}
reportFigures("records", figures);

async function inOne(): Promise<Sides> {
  const side = await Side.start("records-side");
  return { processor: side, manager: side };
}

async function apart(): Promise<Sides> {
  const manager = await Side.start("records-side", "manager");
  return { manager, processor: await Side.start("records-side", "processor", manager.address) };
}

async function measure({ processor, manager }: Sides, records: readonly RawRecord[]): Promise<{ perSec: number; cpuUs: number }> {
  const sides = new Set([processor, manager]);
  const feeder = new Feeder(processor.address, records);
  await feeder.ready;
  await feeder.feed(warmUpCount);
  const before = await usedBy(sides);
  const startMs = performance.now();
  await feeder.feed(count);
  const sec = (performance.now() - startMs) / 1000;
  const after = await usedBy(sides);
  await feeder.end();
  for (const side of sides) await side.stop();
  const committed = after.count - before.count;
  return { perSec: committed / sec, cpuUs: (after.cpuUs - before.cpuUs) / committed };
}

async function usedBy(sides: Iterable<Side>): Promise<Used> {
  const used = await Promise.all([...sides].map((side) => side.used()));
  const sum = (of: (one: Used) => number): number => used.reduce((total, one) => total + of(one), 0);
  return { count: sum(({ count }) => count), cpuUs: sum(({ cpuUs }) => cpuUs) };
}
