/**
 * Datasets at full scale: `node bench/dataset.ts [rows] [turns] [prompts]`. A run of a trace of a million rows: until its first request is sent,
 * and the most that any of its processes holds in memory; the same again from the cache, where the dataset service alone is timed, too. Turns
 * of 2.5 KB over four FetchTurns streams of one service, every byte of which is checked by hash in the same process; and synthetic
 * prompts of 550 tokens, made and fetched in the same way.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DatasetSpecSchema } from "../gen/assay/common/v1/run_spec_pb.js";
import { DatasetService } from "../gen/assay/dataset/v1/dataset_service_pb.js";
import { silentLogger } from "../services/common/logger.ts";
import { createChannel } from "../services/common/rpc/channel.ts";
import { createClient } from "../services/common/rpc/client.ts";
import { createRpcServer } from "../services/common/rpc/server.ts";
import { createDatasetModule } from "../services/dataset/module.ts";
import { fetchAndCheck, fetchTurns, writePrompts } from "../test/support/many-turns.ts";
import { ensureBuilt, machineLine, nowNs, openRun, runAssay, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { writeMooncakeTrace } from "./support/mooncake.ts";
import { type Peaks, watchPeaks } from "./support/peaks.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const turns = Number(process.argv[3] ?? 1_000_000);
const prompts = Number(process.argv[4] ?? 100_000);
const promptChars = 2500;
const differentPrompts = 20_000;
const streams = 4;

ensureBuilt();
process.stdout.write(machineLine());
const folder = mkdtempSync(join(tmpdir(), "assay-bench-dataset-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
const figures: Figure[] = [];
try {
  await measureTrace();
  await measureFetching();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
reportFigures("dataset", figures);

async function measureTrace(): Promise<void> {
  const path = join(folder, "trace.jsonl");
  const sizeMb =
    (await writeMooncakeTrace(path, { rows, gapMs: 1, blockTokens: 512, maxBlocks: 24, maxOutputTokens: 500 })) / 1e6;
  const what = `${rows} mooncake rows (${Math.round(sizeMb)} MB)`;
  const first = await firstRequest(path);
  const second = await firstRequest(path);
  figures.push(
    { figure: `${what}: until the first request is sent`, measured: first.sec, unit: "s", bar: { of: "figure", atMost: 30 } },
    { figure: `${what}: most memory of a process`, measured: first.peakMb, unit: "MB", bar: { of: "figure", atMost: 600 } },
    { figure: "the same run again: until the first request is sent", measured: second.sec, unit: "s" },
    {
      figure: "the same run again: most memory of a process",
      measured: second.peakMb,
      unit: "MB",
      bar: { of: "figure", atMost: 600 },
    },
    {
      figure: "the dataset from the cache, in the service alone",
      measured: await prepareSec(path),
      unit: "s",
      bar: { of: "figure", atMost: 1 },
    },
  );
}

/** One request of a run of the trace: when it was sent, from the start of the command on. */
async function firstRequest(path: string): Promise<{ readonly sec: number; readonly peakMb: number }> {
  const server = await startServer(["--itl", "0", "--ttft", "0"]);
  let peaks: Peaks | undefined;
  const run = await runAssay(
    [
      ...["-m", "mock-model", "-u", server.url, "--input-file", path, "--custom-dataset-type", "mooncake_trace"],
      ...["--no-fixed-schedule", "--concurrency", "1", "--request-count", "1", "--workers-max", "1", "--no-gpu-telemetry"],
    ],
    {
      onStarted: (pid) => {
        peaks = watchPeaks(pid);
      },
    },
  );
  peaks?.stop();
  await server.stop();
  const db = openRun(run.folder);
  const { ns } = db.prepare("SELECT min(sent_ns) AS ns FROM requests").get() as { ns: number };
  db.close();
  run.discard();
  return { sec: (ns - run.startNs) / 1e9, peakMb: Math.max(...(peaks?.mbByProcess.values() ?? [])) };
}

type Spec = MessageInitShape<typeof DatasetSpecSchema>;

interface Service {
  readonly address: string;
  prepare(dataset: Spec): Promise<string>;
  stop(): Promise<void>;
}

async function startService(): Promise<Service> {
  const store = { folder: join(folder, "cache", "assay", "datasets"), maxBytes: 2 ** 36 };
  const module = createDatasetModule({ keptDatasets: 1, limits: { root: folder, maxFileBytes: 2 ** 36, store } });
  const services = [...module.implementations];
  const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
  const { address } = await server.start();
  const channel = createChannel({ address });
  return {
    address,
    async prepare(dataset) {
      let datasetId = "";
      const progress = createClient(DatasetService, channel).prepareDataset({ dataset, randomSeed: 1n });
      for await (const message of progress) datasetId = message.dataset?.datasetId ?? datasetId;
      return datasetId;
    },
    async stop() {
      channel.close();
      await server.stop(0);
      await module.stop(0);
    },
  };
}

async function prepareSec(path: string): Promise<number> {
  const service = await startService();
  const source = { case: "file", value: { path, format: "mooncake_trace" } } as const;
  await service.prepare({ source });
  const startNs = nowNs();
  await service.prepare({ source });
  const sec = (nowNs() - startNs) / 1e9;
  await service.stop();
  return sec;
}

async function measureFetching(): Promise<void> {
  const path = join(folder, "prompts.jsonl");
  await writePrompts(path, differentPrompts, promptChars);
  const service = await startService();
  const datasetId = await service.prepare({ source: { case: "file", value: { path } } });
  const { address } = service;

  const what = { address, datasetId, rows: differentPrompts, chars: promptChars, turns, streams };
  const before = process.cpuUsage();
  const { wrong, checked, sec } = await fetchAndCheck(what);
  const { user, system } = process.cpuUsage(before);
  if (wrong > 0) throw new Error(`${wrong} of ${checked} turns were wrong`);
  figures.push({
    figure: `turns of 2.5 KB from a file, ${streams} streams, ${checked} of them checked by hash`,
    measured: checked / sec,
    unit: "turns/s",
    note: `${Math.round(checked / ((user + system) / 1e6))} a second of CPU, which service, clients and hashes share`,
    bar: { of: "figure", atLeast: 20_000 },
  });
  const startNs = nowNs();
  const inputTokens = { mean: 550 };
  const synthetic = await service.prepare({
    source: { case: "synthetic", value: { corpus: "prose", inputTokens } },
    entries: BigInt(prompts),
  });
  const fetched = await fetchTurns({ address, datasetId: synthetic, rows: prompts, streams });
  if (fetched !== prompts) throw new Error(`${fetched} of ${prompts} prompts came`);
  figures.push({
    figure: `${prompts} synthetic prompts of 550 tokens, made and fetched`,
    measured: (nowNs() - startNs) / 1e9,
    unit: "s",
    bar: { of: "figure", atMost: 20 },
  });
  await service.stop();
}
