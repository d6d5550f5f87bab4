/** RPCs of the worker-manager. */
import { setTimeout as delay } from "node:timers/promises";
import { WorkerManagerService } from "../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { askedMs } from "../common/asked-ms.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import type { WorkerPool } from "./pool.ts";

const defaultGraceMs = 2_000;
const defaultIntervalMs = 1000;
const leastIntervalMs = 100;

export function createWorkerManagerService(pool: WorkerPool): Implementation {
  return implement(WorkerManagerService, {
    role: ["operator", "member"],
    roles: { listWorkers: ["viewer", "member"], watchWorkers: ["viewer", "member"] },
    handlers: {
      spawnWorkers: ({ runId, count }) => ({ workers: pool.ensure(runId, count) }),
      stopWorkers: async ({ workerIds, runId, graceMs }) => {
        const ids =
          workerIds.length > 0 || runId === ""
            ? workerIds
            : pool
                .list()
                .filter((worker) => worker.runId === runId)
                .map((worker) => worker.workerId);
        if (ids.length === 0 && runId !== "") return { workers: [] };
        return { workers: await pool.stop(ids, askedMs(graceMs, defaultGraceMs)) };
      },
      listWorkers: () => ({ workers: pool.list() }),
      async *watchWorkers({ intervalMs }, { signal }) {
        const everyMs = askedMs(intervalMs, defaultIntervalMs, leastIntervalMs);
        while (!signal.aborted) {
          yield { workers: pool.list() };
          await Promise.race([pool.change(), delay(everyMs, undefined, { signal }).catch(() => {})]);
        }
      },
    },
  });
}
