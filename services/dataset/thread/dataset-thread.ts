/** The program of a thread that does one job and ends. Started by `run-job.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { AssayError, messageOf } from "../../common/errors.ts";
import { doJob, type Job } from "./jobs.ts";
import type { ThreadMessage } from "./run-job.ts";

const everyRows = 10_000;

const say = (message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void => parentPort?.postMessage(message, transfer);
let told = 0;

try {
  // Whoever starts this gives it a job.
  const { result, transfer } = await doJob(workerData as Job, (rows) => {
    if (rows < told + everyRows) return;
    told = rows;
    say({ kind: "rows", rows });
  });
  say({ kind: "done", result }, transfer);
} catch (error) {
  // A class does not survive the border; its parts do.
  const { code, message, reason, metadata, violations } =
    error instanceof AssayError ? error : new AssayError("internal", messageOf(error));
  say({ kind: "failed", code, message, reason, metadata, violations });
}
