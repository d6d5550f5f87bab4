/**
 * A suite's records process without a suite: a record-processor and a records-manager with its file, over the network as in a run. With
 * `manager` as its argument it serves that alone, with `processor ADDRESS` a record-processor alone for the manager there. For
 * `bench/records.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { silentLogger } from "../../services/common/logger.ts";
import { createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { createRpcServer } from "../../services/common/rpc/server.ts";
import { ingestCodecs, ProcessorRun } from "../../services/record-processor/processor-run.ts";
import { createRecordProcessorService } from "../../services/record-processor/service.ts";
import { QueryClient } from "../../services/records-manager/query-client.ts";
import { RecordsRun } from "../../services/records-manager/records-run.ts";
import { createRecordsManagerService } from "../../services/records-manager/service.ts";
import { serveParent } from "./side.ts";

const [part = "both", managerAddress] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "assay-bench-records-"));
const run = part === "processor" ? undefined : newRun();
let processor: ProcessorRun | undefined;
const ownProcessor = createRecordProcessorService(
  () => processor,
  () => "record-processor-1",
);
const services = [...(part === "manager" ? [] : [ownProcessor]), ...(run === undefined ? [] : [managerOf(run)])];
const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
const { address } = await server.start();
if (part !== "manager") processor = await newProcessor(managerAddress);
serveParent(
  address,
  () => run?.committedRows ?? 0,
  () => {
    processor?.close();
    run?.close();
    rmSync(folder, { recursive: true, force: true });
  },
);

function newRun(): RecordsRun {
  return new RecordsRun({
    folder: join(folder, "run"),
    header: {
      runId: "run",
      spec: "{}",
      createdWallNs: 1.7e18,
      suiteWallOffsetNs: 1.7e18,
      versions: { assay: "bench" },
      phases: [{ phase: 1, name: "profiling", kind: "profiling", hasCeiling: false }],
    },
    queries: new QueryClient(),
    log: silentLogger,
    note: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
}

function managerOf(served: RecordsRun) {
  return createRecordsManagerService({
    runOf: () => served,
    folderOf: async () => folder,
    phaseOf: () => ({ name: "profiling", kind: PhaseKind.PROFILING }),
    queries: new QueryClient(),
  });
}

/** @param manager undefined: that of this process, reached as services of one process are */
async function newProcessor(manager: string | undefined): Promise<ProcessorRun> {
  const channel = createChannel(manager === undefined ? { address, own: server.ownStreams } : { address: manager });
  const made = new ProcessorRun({
    runId: "run",
    memberId: "record-processor-1",
    shard: 0,
    spec: create(RunSpecSchema, {}),
    counters: { countTokens: undefined },
    log: silentLogger,
    dial: () => createClient(RecordsManagerService, channel, ingestCodecs).ingestRecords(),
  });
  await made.ready;
  return made;
}
