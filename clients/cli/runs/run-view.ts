/** A run in words and as JSON, as far as the suite's catalog knows it. Pure. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Run, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";

/** `completed`. */
export function stateOf({ state }: Run): string {
  return (RunState[state] ?? "unknown").toLowerCase();
}

/** `2026-11-24 15:30:12Z`; undefined where it has not come to that. */
export function wallTimeOf(time: Timestamp | undefined): string | undefined {
  if (time === undefined) return undefined;
  return `${new Date(Number(time.seconds) * 1000).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** Seconds from its first phase to its end, with two decimals; undefined where one of them is missing. */
export function durationOf({ startTime, endTime }: Run): string | undefined {
  if (startTime === undefined || endTime === undefined) return undefined;
  const seconds = Number(endTime.seconds - startTime.seconds) + (endTime.nanos - startTime.nanos) / 1e9;
  return seconds.toFixed(2);
}

/** Names are the protos'; what is not known is left out. */
export function runJson(run: Run): object {
  return {
    run_id: run.runId,
    name: run.name,
    state: stateOf(run),
    reason: run.reason === "" ? undefined : run.reason,
    create_time: isoOf(run.createTime),
    start_time: isoOf(run.startTime),
    end_time: isoOf(run.endTime),
    folder: run.folder,
  };
}

function isoOf(time: Timestamp | undefined): string | undefined {
  return time === undefined ? undefined : new Date(Number(time.seconds) * 1000 + time.nanos / 1e6).toISOString();
}
