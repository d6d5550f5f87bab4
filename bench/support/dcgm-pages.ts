/** Pages of exporters with 8 GPUs and 60 fields, as dcgm-exporter prints them. */
import { type GpuField, gpuFields } from "../../services/telemetry/core/sources/dcgm-fields.ts";

export const exporterCount = 32;
export const fieldCount = 60;
export const gpuCount = 8;

const fields: readonly GpuField[] = Array.from({ length: fieldCount }, (_, at): GpuField => {
  const known = gpuFields[at];
  if (known !== undefined) return known;
  const name = `DCGM_FI_PROF_BENCH_${at}`;
  return { dcgm: name, name: name.toLowerCase(), unit: "", kind: "gauge", scale: 1, isPerInstance: false };
});

/** Those that the program does not know by itself, and the same as a list for `--gpu-telemetry FILE.csv`. */
export const customFields: readonly GpuField[] = fields.filter((field) => !gpuFields.includes(field));
export const customList: string = customFields.map(({ dcgm, kind }) => `${dcgm}, ${kind}, Of a bench\n`).join("");

/** A page of one exporter; its values are others with each call. */
export function dcgmPage(exporter: number, call: number): Buffer {
  const lines = fields.map(({ dcgm, kind }, field) => {
    const gpus = Array.from({ length: gpuCount }, (_, gpu) => {
      const uuid = `GPU-6d6f636b-0000-4000-80${String(exporter).padStart(2, "0")}-0000000000${String(gpu).padStart(2, "0")}`;
      const labels = `gpu="${gpu}",UUID="${uuid}",pci_bus_id="00000000:0${gpu}:00.0",device="nvidia${gpu}",modelName="NVIDIA H100 80GB HBM3"`;
      const value = ((call + 1) * (field + 3) * (gpu + 7)) / 8;
      return `${dcgm}{${labels},Hostname="node-${exporter}",DCGM_FI_DRIVER_VERSION="550.54.15"} ${value.toFixed(6)}\n`;
    });
    return `# HELP ${dcgm} What this field says of a GPU (in units).\n# TYPE ${dcgm} ${kind}\n${gpus.join("")}`;
  });
  return Buffer.from(lines.join(""));
}
