/** The table of what servers say that their models did. Pure. */
import type { ServedModel, ServedTime } from "../gen/assay/records_manager/v1/served_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { clip, figure, harmless, whole } from "./text.ts";

const columns: readonly Column[] = [
  { header: "Model", align: "left", minWidth: 12 },
  { header: "Server", align: "left", minWidth: 16, dropRank: 0 },
  { header: "Requests", align: "right" },
  { header: "Failed", align: "right" },
  { header: "Executions", align: "right" },
  { header: "Batch", align: "right", dropRank: 2 },
  { header: "Cache\nhits", align: "right", dropRank: 1 },
  { header: "Queue\n(ms)", align: "right" },
  { header: "Input\n(ms)", align: "right", dropRank: 3 },
  { header: "Infer\n(ms)", align: "right" },
  { header: "Output\n(ms)", align: "right", dropRank: 4 },
  { header: "First\n(ms)", align: "right", dropRank: 5 },
];
const longestName = 60;

/** A row for each model: requests, executions and their mean batch, and mean times; nothing where no server says anything. */
export function servedLines(
  served: readonly ServedModel[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  if (served.length === 0) return [];
  const rows = served.map((model) => [
    clip(harmless(model.model), longestName),
    clip(harmless(model.server), longestName),
    whole((model.success?.count ?? 0n) + (model.fail?.count ?? 0n)),
    whole(model.fail?.count ?? 0n),
    whole(model.executions),
    figure(model.executions === 0n ? undefined : Number(model.inferences) / Number(model.executions)),
    whole(model.cacheHit?.count ?? 0n),
    ...[model.queue, model.computeInput, model.computeInfer, model.computeOutput, model.firstResponse].map(meanMs),
  ]);
  return tableLines({ title: "By the Server's Own Statistics", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text === "N/A" ? paint.dim(text) : paint.green(text)),
  });
}

function meanMs(time: ServedTime | undefined): string {
  return figure(time === undefined || time.count === 0n ? undefined : time.ns / Number(time.count) / 1e6);
}
