/** Every instrument of the suite, by what counts it: the reference of the docs is made from this. */
import { processInstruments } from "./common/observe/process-instruments.ts";
import { rpcInstruments } from "./common/rpc/method-stats.ts";
import { controllerInstruments } from "./controller/instruments.ts";
import { datasetInstruments } from "./dataset/instruments.ts";
import { recordProcessorInstruments } from "./record-processor/instruments.ts";
import { recordsManagerInstruments } from "./records-manager/instruments.ts";
import { telemetryInstruments } from "./telemetry/instruments.ts";
import { timingInstruments } from "./timing/instruments.ts";
import { workerInstruments } from "./worker/instruments.ts";
import { workerManagerInstruments } from "./worker-manager/instruments.ts";

export const instrumentTables = {
  process: processInstruments,
  rpc: rpcInstruments,
  controller: controllerInstruments,
  dataset: datasetInstruments,
  timing: timingInstruments,
  "worker-manager": workerManagerInstruments,
  worker: workerInstruments,
  "record-processor": recordProcessorInstruments,
  "records-manager": recordsManagerInstruments,
  telemetry: telemetryInstruments,
} as const;
