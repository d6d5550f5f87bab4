/** The fields of a list (`services/common/gpu-field-list.ts`) that the program does not know. */
import { type ListedGpuField, readGpuFieldList } from "../../common/gpu-field-list.ts";
import { type GpuField, gpuFields } from "./sources/dcgm-fields.ts";

/** They are named `nvidia_` and what follows `DCGM_FI_DEV_`. Lines that are no fields are passed over: no run is made with them. */
export function readGpuFields(text: string): GpuField[] {
  const known = new Set(gpuFields.map(({ dcgm }) => dcgm));
  const { fields } = readGpuFieldList(text);
  const found = new Map(fields.filter(({ dcgm }) => !known.has(dcgm)).map((field) => [field.dcgm, fieldOf(field)]));
  return [...found.values()];
}

function fieldOf({ dcgm, kind, help }: ListedGpuField): GpuField {
  return {
    dcgm,
    name: `nvidia_${dcgm.replace(/^DCGM_(?:FI|EXP)_(?:DEV_)?/, "").toLowerCase()}`,
    kind,
    help,
    unit: /\(in ([^)]+)\)/.exec(help)?.[1] ?? "",
    scale: 1,
    isPerInstance: true,
  };
}
