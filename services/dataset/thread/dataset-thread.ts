/** The program of a thread that does one job and ends. Started by `run-job.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { AssayError, messageOf } from "../../common/errors.ts";
import { doJob, type Job } from "./jobs.ts";
import type { ThreadMessage } from "./run-job.ts";

const everyRows = 10_000;
const everyMs = 100;

function say(message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** A class does not survive the thread's border; its parts do. */
function sayFailure(error: unknown): void {
  const { code, message, reason, metadata, violations } =
    error instanceof AssayError ? error : new AssayError("internal", messageOf(error));
  say({ kind: "failed", code, message, reason, metadata, violations });
}

async function work(job: Job): Promise<void> {
  let told: { readonly step: string; readonly rows: number; readonly atMs: number } | undefined;
  const { result, transfer } = await doJob(job, (progress) => {
    const { step, rows } = progress;
    const atMs = performance.now();
    if (told?.step === step && rows < told.rows + everyRows && atMs < told.atMs + everyMs) return;
    told = { step, rows, atMs };
    say({ kind: "progress", progress });
  });
  say({ kind: "done", result }, transfer);
}

// Whoever starts this gives it a job.
work(workerData as Job).catch(sayFailure);
