/** What a records-manager tells the one that has the run's file. */
import { createReadStream, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ShardService } from "../../gen/assay/records_manager/v1/shard_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { RUN_FILE } from "../common/run-file.ts";
import type { LivePart } from "./core/live.ts";
import type { RecordsRun } from "./records-run.ts";

export interface ShardServiceDeps {
  /** The run that is written here; undefined: none of that id. */
  runOf(runId: string): RecordsRun | undefined;
  /** Folder of the shard of a run that was written here; undefined: none. */
  folderOf(runId: string): string | undefined;
  /** Its file is gone. */
  dropped(runId: string): void;
}

const intervalMs = 500;
const partBytes = 256 * 1024;

export function createShardService({ runOf, folderOf, dropped }: ShardServiceDeps): Implementation {
  const closedFolder = (runId: string): string => {
    const folder = folderOf(runId);
    if (folder === undefined) throw new AssayError("not_found", `no shard of run ${runId} was written here`);
    if (runOf(runId) !== undefined) throw new AssayError("failed_precondition", `the shard of run ${runId} is still written`);
    return folder;
  };
  return implement(ShardService, {
    role: "member",
    handlers: {
      async *watchShard({ runId }, { signal }) {
        // Members may be configured in any order: it is asked again.
        if (runOf(runId) === undefined)
          throw new AssayError("unavailable", `run ${runId} is not configured at the records-manager`);
        for (let run = runOf(runId); run !== undefined; run = runOf(runId)) {
          yield {
            committed: BigInt(run.committedRows),
            queued: BigInt(run.pendingRows),
            phases: run.liveParts().map(phaseOf),
          };
          await delay(intervalMs, undefined, { signal });
        }
      },
      async *readShard({ runId }, { signal }) {
        const path = join(closedFolder(runId), RUN_FILE);
        if (!existsSync(path)) throw new AssayError("not_found", `there is no "${path}"`);
        for await (const data of createReadStream(path, { highWaterMark: partBytes, signal })) yield { data: data as Buffer };
      },
      dropShard({ runId }) {
        rmSync(closedFolder(runId), { recursive: true, force: true });
        dropped(runId);
        return {};
      },
    },
  });
}

function phaseOf({ phase, succeeded, errored, cancelled, histograms }: LivePart) {
  return {
    phase,
    succeeded: BigInt(succeeded),
    errored: BigInt(errored),
    cancelled: BigInt(cancelled),
    histograms: [...histograms].map(([tag, { sum, encoded }]) => ({ tag, sum, histogram: encoded })),
  };
}
