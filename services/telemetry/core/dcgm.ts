/**
 * What NVIDIA's dcgm-exporter says about GPUs, from a parsed page to values with units. Names and scales are AIPerf's where it has the field;
 * energy is in joules here. Metric names, units and labels: NVIDIA/dcgm-exporter, `etc/default-counters.csv` and its README.
 */
import type { MetricsPage, PageSample } from "./prometheus.ts";
import { type GpuField, gpuFields } from "./sources/dcgm-fields.ts";

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
