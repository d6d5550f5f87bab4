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
    const fields = gpus.map((gpu) => gpu.map(({ name: field, place }) => ({ field, place, scale: exportScale(field) })));
    for (const { endNs, values } of reader.scrapes(kind, name)) {
      for (const [at, own] of values === undefined ? [] : fields.entries()) {
        const data: Record<string, Float> = {};
        let isEmpty = true;
        for (const { field, place, scale } of own) {
          const value = values?.[place];
          if (value === null || value === undefined) continue;
          data[field] = new Float(value * scale);
          isEmpty = false;
        }
        if (isEmpty) continue;
        const timestamp = { timestamp_ns: BigInt(Math.round(endNs + suiteWallOffsetNs)) };
        text(`${jsonText({ ...timestamp, telemetry_source_url: name, ...heads[at], telemetry_data: data })}\n`);
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
