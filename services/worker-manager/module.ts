/** The worker-manager as a module of its process. */
import type { MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Logger } from "../common/logger.ts";
import type { ServiceModule } from "../common/module.ts";
import type { Bootstrap } from "./child.ts";
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
    stop: (graceMs) => pool.close(graceMs),
  };
}
