/** A process that is a timing service and nothing else, for `bench/credits.ts`: one closed loop of so many slots, which ends with the process. */
import { create } from "@bufbuild/protobuf";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetHandleSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../services/common/logger.ts";
import { MeasuredSuiteClock } from "../../services/common/member/suite-clock.ts";
import { createRpcServer } from "../../services/common/rpc/server.ts";
import { shapeOf } from "../../services/timing/core/dataset-shape.ts";
import { createTimingService } from "../../services/timing/service.ts";
import { TimingRun } from "../../services/timing/timing-run.ts";
import { serveParent } from "./side.ts";

const limit = Number(process.argv[2]);
/** Workers that are waited for. */
const awaited = Number(process.argv[3] ?? 0);
const clock = new MeasuredSuiteClock();
clock.share();
const spec = create(RunSpecSchema, {
  phases: [
    {
      name: "profiling",
      kind: PhaseKind.PROFILING,
      graceSec: 5,
      load: { case: "concurrency", value: { limit } },
      stop: { requestCount: 1_000_000_000n },
    },
  ],
  target: { urls: [{ url: "http://target.invalid" }] },
  randomSeed: 7n,
});
const dataset = shapeOf(create(DatasetHandleSchema, { datasetId: "d", conversations: 1000n, turnsEach: 1 }));
const run = new TimingRun({ runId: "run", spec, dataset, clock, log: silentLogger, report: () => {} });
const services = [createTimingService(() => run)];
const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
const { address } = await server.start();
// As in a run: nothing is issued before all workers are there.
const begin = setInterval(() => {
  if (run.workers < awaited) return;
  clearInterval(begin);
  run.startPhase(0);
}, 10);
serveParent(
  address,
  () => run.counts().sent,
  () => run.close(),
);
