/** Pages of AMD's device-metrics-exporter. Names are AIPerf's where it has the field; energy is in joules, memory in GB as NVIDIA's here. */
import type { PageLine } from "../exposition/page-reader.ts";
import { gbPerMib } from "./dcgm-fields.ts";
import { type LineContext, type LineMeaning, labelOf, type PageView } from "./page-view.ts";

interface AmdField {
  /** The exporter's names for it, without a prefix. The first that a page has is read. */
  readonly printed: readonly string[];
  readonly name: string;
  readonly unit: string;
  readonly type: "gauge" | "counter";
  readonly scale: number;
  /** Printed with every partition, true of the whole GPU: partition 0 alone has it. */
  readonly isOfBoard: boolean;
}

const gauge = (name: string, unit: string, printed: readonly string[], scale = 1): AmdField => ({
  printed,
  name,
  unit,
  type: "gauge",
  scale,
  isOfBoard: false,
});
const board = (...field: Parameters<typeof gauge>): AmdField => ({ ...gauge(...field), isOfBoard: true });
const counter = (field: AmdField): AmdField => ({ ...field, type: "counter" });

const fields: readonly AmdField[] = [
  // MI2xx has the average alone.
  board("amd_power", "W", ["gpu_package_power", "gpu_power_usage", "gpu_average_package_power"]),
  // Microjoules.
  counter(board("amd_energy_consumption", "J", ["gpu_energy_consumed"], 1e-6)),
  gauge("amd_gfx_activity", "%", ["gpu_gfx_activity"]),
  gauge("amd_umc_activity", "%", ["gpu_umc_activity"]),
  gauge("amd_mm_activity", "%", ["gpu_mma_activity"]),
  // The exporter says MB and means mebibytes: 196 592 for 192 GiB.
  gauge("amd_memory_used", "GB", ["gpu_used_vram"], gbPerMib),
  gauge("amd_memory_free", "GB", ["gpu_free_vram"], gbPerMib),
  gauge("amd_memory_total", "GB", ["gpu_total_vram"], gbPerMib),
  board("amd_temperature", "°C", ["gpu_junction_temperature", "gpu_edge_temperature"]),
  board("amd_memory_temperature", "°C", ["gpu_memory_temperature"]),
  counter(board("amd_ecc_uncorrectable", "count", ["gpu_ecc_uncorrect_total"])),
  board("amd_health", "code", ["gpu_health"]),
];
const fieldOf: ReadonlyMap<string, AmdField> = new Map(fields.flatMap((field) => field.printed.map((name) => [name, field])));

/** A GPU has several clocks of each kind; the first of these kinds are kept. */
const clocks: ReadonlyMap<string, AmdField> = new Map([
  ["system", gauge("amd_sm_clock", "MHz", ["gpu_clock"])],
  ["memory", gauge("amd_mem_clock", "MHz", ["gpu_clock"])],
]);

const renamed: Readonly<Record<string, string>> = { gpu_id: "index", card_model: "model" };
const dropped: ReadonlySet<string> = new Set(["gpu_uuid", "clock_type", "clock_index"]);

/** The exporter's own names, which tell its pages even where all have a prefix; others (Triton) have some of them, too, without its labels. */
const telling =
  /(?:^|_)(?:gpu_(?:package_power|average_package_power|power_usage|energy_consumed|gfx_activity|used_vram|total_vram))$/;

/**
 * Values are keyed by UUID (by serial number where there is none) and partition, partition 0 being the GPU itself. The prefix that the
 * exporter may be told to use (`MetricsFieldPrefix`) is seen from the names.
 */
export function createAmdView(): PageView {
  return {
    kind: "amd",
    isOwn: (line) => telling.test(line.name) && labelOf(line, "gpu_id", "serial_number", "card_series") !== undefined,
    describe(line, context) {
      const { field, prefix } = fieldOfLine(line);
      const uuid = labelOf(line, "gpu_uuid", "serial_number");
      if (field === undefined || uuid === undefined) return undefined;
      const preferred = field.printed.find((name) => context.names.has(prefix + name));
      const partition = labelOf(line, "gpu_partition_id") ?? "0";
      if (prefix + preferred !== line.name || (field.isOfBoard && partition !== "0")) return undefined;
      return meaningOf(line, field, partition === "0" ? uuid : `${uuid}/${partition}`, context);
    },
    isBlank: isAbsent,
  };
}

function fieldOfLine(line: PageLine<unknown>): { readonly field: AmdField | undefined; readonly prefix: string } {
  const at = line.name.search(/(?:^|_)gpu_/);
  const start = at > 0 ? at + 1 : at;
  const name = line.name.slice(Math.max(start, 0));
  const prefix = line.name.slice(0, Math.max(start, 0));
  if (name !== "gpu_clock") return { field: fieldOf.get(name), prefix };
  // Older exporters print GPU_CLOCK_TYPE_SYSTEM.
  const kind =
    labelOf(line, "clock_type")
      ?.toLowerCase()
      .replace(/^gpu_clock_type_/, "") ?? "";
  return { field: clocks.get(kind), prefix };
}

function meaningOf(line: PageLine<unknown>, field: AmdField, subject: string, { families }: LineContext): LineMeaning {
  const { name, type, unit, scale } = field;
  const labels: [string, string][] = [];
  for (let at = 0; at < line.labels.length; at += 2) {
    const [printed = "", value = ""] = line.labels.slice(at, at + 2);
    if (value !== "" && !dropped.has(printed)) labels.push([renamed[printed] ?? printed, value]);
  }
  const help = families.get(line.name)?.help ?? "";
  const facts = { kind: "amd" as const, subject, name, family: name, type, unit, help, labels: Object.fromEntries(labels) };
  return { facts, apart: [], scale };
}

/** AMD's library says of what a device does not have the largest number of 32 or 64 bits. */
function isAbsent(value: number): boolean {
  return value === 0xff_ff_ff_ff || value >= 1.8e19;
}
