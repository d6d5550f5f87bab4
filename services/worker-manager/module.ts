/** The worker-manager as a module of its process. */
import type { MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Logger } from "../common/logger.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import type { Bootstrap } from "./child.ts";
import { workerManagerInstruments } from "./instruments.ts";
import { WorkerPool } from "./pool.ts";
import { createWorkerManagerService } from "./service.ts";

export interface WorkerManagerDeps {
  readonly log: Logger;
  /** Program and arguments of a worker process. */
  readonly command: readonly string[];
  /** What workers are told; known once the controller's address is. */
  bootstrap(): Promise<Omit<Bootstrap, "memberId">>;
  readonly maxWorkers: number;
  /** Workers to start at once, ahead of any run, beside everything else that starts. */
  readonly prespawn: number;
  report(event: MemberEvent["event"], runId: string): void;
}

export function createWorkerManagerModule({
  log,
  command,
  bootstrap,
  maxWorkers,
  prespawn,
  report,
}: WorkerManagerDeps): ServiceModule {
  const pool = new WorkerPool({
    command,
    bootstrap,
    maxWorkers,
    log,
    onExit: ({ runId, ...exit }) =>
      report({ case: "workerExited", value: { $typeName: "assay.controller.v1.WorkerExited", ...exit } }, runId),
  });
  pool.prespawn(prespawn);
  return {
    name: "worker-manager",
    implementations: [createWorkerManagerService(pool)],
    counters: () => ({ worker_processes: pool.liveCount }),
    families() {
      const { started, restarts, unexpectedExits } = pool.counts;
      return familiesOf(workerManagerInstruments, {
        assay_worker_manager_workers: pool.liveCount,
        assay_worker_manager_started_workers_total: started,
        assay_worker_manager_restarts_total: restarts,
        assay_worker_manager_unexpected_exits_total: unexpectedExits,
      });
    },
    stop: (graceMs) => pool.close(graceMs),
  };
}
