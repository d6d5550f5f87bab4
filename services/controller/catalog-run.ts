/** A run as the catalog remembers it, and back: its folder and its times stay, its spec and its phases are in its own file. */
import { create } from "@bufbuild/protobuf";
import { type Run, RunSchema, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { CatalogEntry } from "./catalog.ts";

export function entryOfRun(run: Run, owner: CatalogEntry["owner"]): CatalogEntry {
  return {
    runId: run.runId,
    folder: run.folder,
    state: RunState[run.state] ?? "",
    createdWallNs: wallNsOf(run.createTime) ?? 0,
    startedWallNs: wallNsOf(run.startTime),
    endedWallNs: wallNsOf(run.endTime),
    summaryLine: run.spec?.name ?? "",
    exportPrefix: run.spec?.output?.exportPrefix ?? "",
    owner,
  };
}

export function runOfEntry(entry: CatalogEntry): Run {
  const state = RunState[entry.state as keyof typeof RunState];
  return create(RunSchema, {
    runId: entry.runId,
    folder: entry.folder,
    name: entry.summaryLine,
    state: typeof state === "number" ? state : RunState.UNSPECIFIED,
    createTime: timestampOf(entry.createdWallNs),
    ...(entry.startedWallNs === undefined ? {} : { startTime: timestampOf(entry.startedWallNs) }),
    ...(entry.endedWallNs === undefined ? {} : { endTime: timestampOf(entry.endedWallNs) }),
  });
}

function timestampOf(wallNs: number) {
  return { seconds: BigInt(Math.floor(wallNs / 1e9)), nanos: Math.round(wallNs % 1e9) };
}

function wallNsOf(timestamp: { seconds: bigint; nanos: number } | undefined): number | undefined {
  return timestamp === undefined ? undefined : Number(timestamp.seconds) * 1e9 + timestamp.nanos;
}
