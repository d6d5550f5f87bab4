/**
 * What NVIDIA's dcgm-exporter says about GPUs, from a parsed page to values with units. Names and scales are AIPerf's where it has the field;
 * energy is in joules here. Metric names, units and labels: NVIDIA/dcgm-exporter, `etc/default-counters.csv` and its README.
 */
import type { MetricsPage, PageSample } from "./prometheus.ts";

export interface GpuField {
  /** DCGM's name of the metric. */
  readonly dcgm: string;
  /** Our name of it. */
  readonly name: string;
  /** Unit of the value after scaling. */
  readonly unit: string;
  /** A gauge is a value of its moment; of a counter only differences mean something. */
  readonly kind: "gauge" | "counter";
  /** Printed value × scale = value in `unit`. */
  readonly scale: number;
  /** Whether a MIG instance has its own value. What belongs to the board is printed with every instance, and must not be added up. */
  readonly isPerInstance: boolean;
}

const gauge = (dcgm: string, name: string, unit: string, scale = 1): GpuField => ({
  dcgm,
  name,
  unit,
  kind: "gauge",
  scale,
  isPerInstance: false,
});
const instanceGauge = (...field: Parameters<typeof gauge>): GpuField => ({ ...gauge(...field), isPerInstance: true });
const counter = (...field: Parameters<typeof gauge>): GpuField => ({ ...gauge(...field), kind: "counter" });

/** DCGM reports mebibytes. */
const gbPerMib = 1.048576e-3;

/** Every field that is read, in the order in which they are reported. */
export const gpuFields: readonly GpuField[] = [
  gauge("DCGM_FI_DEV_POWER_USAGE", "nvidia_power_usage", "W"),
  // Millijoules since the driver was loaded.
  counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "nvidia_energy_consumption", "J", 1e-3),
  gauge("DCGM_FI_DEV_POWER_MGMT_LIMIT", "nvidia_power_limit", "W"),
  gauge("DCGM_FI_DEV_GPU_UTIL", "nvidia_gpu_utilization", "%"),
  gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "nvidia_memory_utilization", "%"),
  gauge("DCGM_FI_DEV_ENC_UTIL", "nvidia_encoder_utilization", "%"),
  gauge("DCGM_FI_DEV_DEC_UTIL", "nvidia_decoder_utilization", "%"),
  instanceGauge("DCGM_FI_PROF_SM_ACTIVE", "nvidia_sm_utilization", "%", 100),
  instanceGauge("DCGM_FI_PROF_SM_OCCUPANCY", "nvidia_sm_occupancy", "%", 100),
  instanceGauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "nvidia_graphics_engine_active", "%", 100),
  instanceGauge("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "nvidia_tensor_active", "%", 100),
  instanceGauge("DCGM_FI_PROF_DRAM_ACTIVE", "nvidia_dram_active", "%", 100),
  instanceGauge("DCGM_FI_DEV_FB_USED", "nvidia_memory_used", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_FREE", "nvidia_memory_free", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_TOTAL", "nvidia_memory_total", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_RESERVED", "nvidia_memory_reserved", "GB", gbPerMib),
  gauge("DCGM_FI_DEV_GPU_TEMP", "nvidia_temperature", "°C"),
  gauge("DCGM_FI_DEV_MEMORY_TEMP", "nvidia_memory_temperature", "°C"),
  gauge("DCGM_FI_DEV_SM_CLOCK", "nvidia_sm_clock", "MHz"),
  gauge("DCGM_FI_DEV_MEM_CLOCK", "nvidia_memory_clock", "MHz"),
  // Rates, although their DCGM names say bytes.
  gauge("DCGM_FI_PROF_PCIE_TX_BYTES", "nvidia_pcie_tx", "bytes/sec"),
  gauge("DCGM_FI_PROF_PCIE_RX_BYTES", "nvidia_pcie_rx", "bytes/sec"),
  counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "nvidia_pcie_replays", "count"),
  // The code of the last error, no count.
  gauge("DCGM_FI_DEV_XID_ERRORS", "nvidia_xid_errors", "code"),
  counter("DCGM_FI_DEV_POWER_VIOLATION", "nvidia_power_violation", "us", 1e-3),
  counter("DCGM_FI_DEV_THERMAL_VIOLATION", "nvidia_thermal_violation", "us", 1e-3),
];

const fieldOf: ReadonlyMap<string, GpuField> = new Map(gpuFields.map((field) => [field.dcgm, field]));

/** A GPU, or a MIG instance of one. */
export interface GpuSubject {
  /** UUID, or `<UUID>/<instance>`: unique on one page. A GPU's index is not, and not stable. */
  readonly key: string;
  readonly uuid: string;
  /** MIG instance (`GPU_I_ID`); undefined: the whole GPU. */
  readonly instance: string | undefined;
  /** Those of index, model, device, pci_bus_id, hostname, profile, namespace and pod that the page gives. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface GpuReading {
  readonly gpu: GpuSubject;
  /** At least one, each field once, in the order printed. */
  readonly values: readonly GpuValue[];
}

export interface GpuValue {
  readonly field: GpuField;
  /** In the field's unit. */
  readonly value: number;
}

/**
 * Values of each GPU and MIG instance on a page, in the order in which they first appear. Left out: other metrics, blank values, and
 * series without a UUID (switches, links, CPUs). A series that is printed several times for one GPU, as for the pods that
 * share it, counts once. Values of the board go to the GPU, whichever instance they were printed with.
 */
export function readGpus(page: MetricsPage): readonly GpuReading[] {
  const readings = new Map<string, { gpu: GpuSubject; values: Map<GpuField, GpuValue> }>();
  for (const sample of page.samples) {
    const field = fieldOf.get(sample.name);
    const uuid = firstLabel(sample, "UUID", "uuid");
    if (field === undefined || uuid === undefined || isBlank(sample.value)) continue;
    const gpu = subjectOf(sample, uuid, field);
    const reading = readings.get(gpu.key) ?? { gpu, values: new Map<GpuField, GpuValue>() };
    readings.set(gpu.key, reading);
    if (!reading.values.has(field)) reading.values.set(field, { field, value: sample.value * field.scale });
  }
  return Array.from(readings.values(), ({ gpu, values }) => ({ gpu, values: [...values.values()] }));
}

function subjectOf(sample: PageSample, uuid: string, field: GpuField): GpuSubject {
  const instance = field.isPerInstance ? firstLabel(sample, "GPU_I_ID") : undefined;
  const labels: Record<string, string> = {};
  const keep = (name: string, ...printed: string[]): void => {
    const value = firstLabel(sample, ...printed);
    if (value !== undefined) labels[name] = value;
  };
  keep("index", "gpu");
  keep("model", "modelName");
  keep("device", "device");
  keep("pci_bus_id", "pci_bus_id");
  // `Hostname` until 2026, and `pod_name` with the exporter's old namespace.
  keep("hostname", "hostname", "Hostname");
  keep("namespace", "namespace", "pod_namespace");
  keep("pod", "pod", "pod_name");
  if (instance !== undefined) keep("profile", "GPU_I_PROFILE");
  return { key: instance === undefined ? uuid : `${uuid}/${instance}`, uuid, instance, labels };
}

/** The first of the labels that is there and not empty. */
function firstLabel(sample: PageSample, ...names: string[]): string | undefined {
  return names.map((name) => sample.labels.get(name)).find((value) => value !== undefined && value !== "");
}

/**
 * Whether a value stands for none: DCGM's sentinels for blank, not found, not supported and not permitted (`dcgm_structs.h`), which older
 * exporters print. 2^63 − 16 and its neighbours are 2^63 as doubles.
 */
function isBlank(value: number): boolean {
  const isInt32Blank = value >= 0x7f_ff_ff_f0 && value <= 0x7f_ff_ff_f3;
  const isDoubleBlank = value >= 2 ** 47 && value <= 2 ** 47 + 3;
  return !Number.isFinite(value) || isInt32Blank || isDoubleBlank || value >= 9.2e18;
}
