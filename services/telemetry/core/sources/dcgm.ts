/** Pages of NVIDIA's dcgm-exporter. */
import type { PageLine } from "../exposition/page-reader.ts";
import { type GpuField, gpuFields } from "./dcgm-fields.ts";
import { type LineContext, type LineMeaning, labelOf, type PageView } from "./page-view.ts";

/** Labels by our name for them, and all that the exporter has printed: `Hostname` until 2026, the others with its old namespace. */
const renamed: Readonly<Record<string, string>> = {
  gpu: "index",
  modelName: "model",
  model_name: "model",
  Hostname: "hostname",
  GPU_I_PROFILE: "profile",
  pod_name: "pod",
  pod_namespace: "namespace",
  container_name: "container",
};
/** What is the subject already, and what changes with the value: the words of the last error. */
const dropped: ReadonlySet<string> = new Set(["UUID", "uuid", "gpu_uuid", "GPU_I_ID", "err_code", "err_msg"]);

/**
 * Values are keyed by UUID and MIG instance, not by the GPU's index, which is not stable. What belongs to the board and is printed with every
 * instance is one series of the board; a GPU that is printed for several pods is one, too, with the labels seen first. Left out: what has no
 * UUID (switches, CPUs), and fields that nobody named.
 *
 * @param custom fields beside `gpuFields`
 */
export function createDcgmView(custom: readonly GpuField[]): PageView {
  const fields = new Map([...custom, ...gpuFields].map((field) => [field.dcgm, field]));
  return {
    kind: "dcgm",
    isOwn: ({ name }) => name.startsWith("DCGM_FI_") || name.startsWith("DCGM_EXP_"),
    describe(line, context) {
      const field = fields.get(line.name);
      const uuid = labelOf(line, "UUID", "uuid", "gpu_uuid");
      return field === undefined || uuid === undefined ? undefined : meaningOf(line, field, uuid, context);
    },
    isBlank,
  };
}

function meaningOf(line: PageLine<unknown>, field: GpuField, uuid: string, { families }: LineContext): LineMeaning {
  const { name, unit, kind: type, scale } = field;
  const instance = field.isPerInstance ? labelOf(line, "GPU_I_ID") : undefined;
  const labels: [string, string][] = [];
  const apart: string[] = [];
  for (let at = 0; at < line.labels.length; at += 2) {
    const [printed = "", value = ""] = line.labels.slice(at, at + 2);
    if (printed === field.apart || printed === "nvlink") apart.push(printed, value);
    if (value === "" || dropped.has(printed) || (printed === "GPU_I_PROFILE" && instance === undefined)) continue;
    labels.push([renamed[printed] ?? printed, value]);
  }
  const facts = {
    kind: "dcgm" as const,
    subject: instance === undefined ? uuid : `${uuid}/${instance}`,
    name,
    family: name,
    type,
    unit,
    help: families.get(line.name)?.help ?? field.help ?? "",
    labels: Object.fromEntries(labels),
  };
  return { facts, apart, scale };
}

/**
 * Whether a value stands for none: DCGM's sentinels for blank, not found, not supported and not permitted (`dcgm_structs.h`), which older
 * exporters print. 2^63 − 16 and its neighbours are 2^63 as doubles.
 */
function isBlank(value: number): boolean {
  const isInt32Blank = value >= 0x7f_ff_ff_f0 && value <= 0x7f_ff_ff_f3;
  const isDoubleBlank = value >= 2 ** 47 && value <= 2 ** 47 + 3;
  return isInt32Blank || isDoubleBlank || value >= 9.2e18;
}
