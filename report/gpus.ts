/** The table of GPUs. Pure. */
import type { GpuSummary } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { clip, figure, harmless } from "./text.ts";

/** Further ones have a line together. */
const mostRows = 16;
const longestName = 40;

const nameColumns: readonly Column[] = [
  { header: "Host", align: "left", minWidth: 8 },
  { header: "GPU", align: "left" },
  { header: "Model", align: "left", minWidth: 12, dropRank: 1 },
];

/** Names are AIPerf's; what goes first where the terminal is narrow has the lowest rank. */
const figures = [
  { header: "Power\nUsage\navg (W)", of: (gpu: GpuSummary) => gpu.meanPowerW, column: {} },
  { header: "Power\nUsage\nmax (W)", of: (gpu: GpuSummary) => gpu.maxPowerW, column: { dropRank: 0 } },
  { header: "Utilization\navg (%)", of: (gpu: GpuSummary) => gpu.utilizationPercent, column: {} },
  { header: "Memory\nUsed\nmax (GB)", of: (gpu: GpuSummary) => gpu.maxMemoryUsedGb, column: { dropRank: 3 } },
  { header: "Temperature\nmax (°C)", of: (gpu: GpuSummary) => gpu.maxTemperatureC, column: { dropRank: 2 } },
  { header: "Energy\nConsumption\n(J)", of: (gpu: GpuSummary) => gpu.energyJ, column: {} },
] as const;

/** A row for each GPU and each instance of one, up to a bound; without the columns that nobody has a value of. Nothing where there is none. */
export function gpuLines(
  gpus: readonly GpuSummary[],
  title: string,
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  if (gpus.length === 0) return [];
  const each = seenOnce(gpus);
  const shown = figures.filter(({ of }) => each.some((gpu) => of(gpu) !== undefined));
  const columns = [...nameColumns, ...shown.map(({ header, column }): Column => ({ header, align: "right", ...column }))];
  const rows = each
    .slice(0, mostRows)
    .map((gpu) => [
      clip(harmless(gpu.host), longestName),
      clip(harmless(`${gpu.index}${gpu.subject.replace(/^[^/]*/, "")}`), longestName),
      clip(harmless(gpu.name), longestName),
      ...shown.map(({ of }) => figure(of(gpu))),
    ]);
  const table = tableLines({ title, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => {
      if (column < nameColumns.length) return paint.cyan(text);
      return text === "N/A" ? paint.dim(text) : paint.green(text);
    },
  });
  return [...table, ...furtherLines(each.slice(mostRows)).map(paint.dim)];
}

/** Two pages may tell of the same GPU: the one that says more of it stands. */
function seenOnce(gpus: readonly GpuSummary[]): GpuSummary[] {
  return [...Map.groupBy(gpus, ({ host, subject }) => `${host} ${subject}`).values()].flatMap((same) =>
    same.reduce((most, next) => (next.samples > most.samples ? next : most)),
  );
}

function furtherLines(gpus: readonly GpuSummary[]): string[] {
  if (gpus.length === 0) return [];
  const watts = gpus.flatMap(({ meanPowerW }) => meanPowerW ?? []);
  const ends = [...new Set([Math.min(...watts), Math.max(...watts)])].map(figure).join(" to ");
  const count = gpus.length === 1 ? "1 more GPU is" : `${gpus.length} more GPUs are`;
  return [`${count} left out${watts.length === 0 ? "" : `: ${ends} W on average`}`];
}
