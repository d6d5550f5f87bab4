/** The program of the thread that rings when a moment has come. Started by `alarm-bell.ts`; sleeps otherwise. */
import { parentPort, workerData } from "node:worker_threads";
import { monotonicNs } from "../common/clock.ts";
import { AlarmCell } from "./alarm-cell.ts";

const cell = new AlarmCell(workerData as SharedArrayBuffer);
while (cell.wait(monotonicNs)) parentPort?.postMessage(undefined);
