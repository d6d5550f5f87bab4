/** `gpu_telemetry_export.jsonl`: each GPU of each scrape on a line, as AIPerf writes it: names and units of its fields, and those of others that were scraped. */
import type { SeriesRow } from "../core/telemetry-rows.ts";
import type { Exporter } from "./exporter.ts";
import { exportScale, GPU_KINDS } from "./gpu-telemetry.ts";
import { Float, type JsonObject, jsonText } from "./json-text.ts";

export const gpuTelemetryJsonl: Exporter = ({ reader }, text) => {
  const { suiteWallOffsetNs } = reader.run();
  for (const { kind, name } of reader.telemetrySources()) {
    if (!GPU_KINDS.includes(kind)) continue;
    const series = reader.series({ kinds: [kind], sources: [name] }).filter(({ subject }) => subject !== "");
    const gpus = [...Map.groupBy(series, ({ subject }) => subject).values()];
    const heads = gpus.map(headOf);
    for (const { endNs, values } of reader.scrapes(kind, name)) {
      for (const [at, gpu] of values === undefined ? [] : gpus.entries()) {
        const data = gpu.flatMap(({ name: field, place }) => {
          const value = values?.[place];
          return value === null || value === undefined ? [] : [[field, new Float(value * exportScale(field))] as const];
        });
        if (data.length === 0) continue;
        const timestamp = { timestamp_ns: BigInt(Math.round(endNs + suiteWallOffsetNs)) };
        text(
          `${jsonText({ ...timestamp, telemetry_source_url: name, ...heads[at], telemetry_data: Object.fromEntries(data) })}\n`,
        );
      }
    }
  }
};

/** What every line of a GPU says. */
function headOf(gpu: readonly SeriesRow[], place: number): JsonObject {
  const { kind = "", subject = "", labels = {} } = gpu[0] ?? {};
  const index = Number(labels.index);
  return {
    gpu_index: labels.index !== undefined && Number.isInteger(index) ? index : place,
    gpu_uuid: subject,
    gpu_model_name: labels.model ?? "",
    pci_bus_id: labels.pci_bus_id,
    device: labels.device,
    hostname: labels.hostname,
    namespace: labels.namespace,
    pod_name: labels.pod,
    platform: kind === "amd" ? "amd" : "nvidia",
  };
}
