/** The worker-manager as a module of its process: the workers of this host, and what the host shows while a run goes on. */
import type { MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import type { Bootstrap } from "./child.ts";
import { createHostCollections, type HostCollectionsDeps } from "./host-collections.ts";
import { workerManagerInstruments } from "./instruments.ts";
import { WorkerPool } from "./pool.ts";
import { createWorkerManagerService } from "./service.ts";

export interface WorkerManagerDeps extends HostCollectionsDeps {
  /** Program and arguments of a worker process. */
  readonly command: readonly string[];
  /** What workers are told; known once the controller's address is. */
  bootstrap(): Promise<Omit<Bootstrap, "memberId">>;
  readonly maxWorkers: number;
  /** Workers to start at once, ahead of any run, beside everything else that starts. */
  readonly prespawn: number;
  report(event: MemberEvent["event"], runId: string): void;
}

const done = { case: undefined } as const;

export function createWorkerManagerModule(deps: WorkerManagerDeps): ServiceModule {
  const { log, command, bootstrap, maxWorkers, prespawn, report } = deps;
  const pool = new WorkerPool({
    command,
    bootstrap,
    maxWorkers,
    log,
    onExit: ({ runId, ...exit }) =>
      report({ case: "workerExited", value: { $typeName: "assay.controller.v1.WorkerExited", ...exit } }, runId),
  });
  pool.prespawn(prespawn);
  const host = createHostCollections(deps);
  return {
    name: "worker-manager",
    implementations: [createWorkerManagerService(pool)],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure":
          if (action.value.spec !== undefined) await host.start(runId, action.value.spec, signal);
          return done;
        case "startPhase":
          await host.readNow(runId);
          return done;
        case "endCollection":
        case "finish":
          await host.stop(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: () => host.close(),
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
    stop(graceMs) {
      host.close();
      return pool.close(graceMs);
    },
  };
}
