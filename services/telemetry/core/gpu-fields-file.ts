/** AIPerf's list of custom fields of dcgm-exporter, which is also the exporter's own: `DCGM_FI_DEV_X, gauge, Help text (in W)`. */
import { AssayError } from "../../common/errors.ts";
import { type GpuField, gpuFields } from "./sources/dcgm-fields.ts";

const linePattern = /^\s*(DCGM_[A-Z0-9_]+)\s*,\s*(gauge|counter)\s*,\s*(.*?)\s*$/;

/**
 * Fields that the program does not know, named `nvidia_` and what follows `DCGM_FI_DEV_`. Empty lines, comments and labels
 * (`DCGM_FI_DRIVER_VERSION, label, …`) are passed over. Throws `invalid_argument` naming the first line that is none of it.
 */
export function readGpuFields(text: string): GpuField[] {
  const known = new Set(gpuFields.map(({ dcgm }) => dcgm));
  const found = new Map<string, GpuField>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line) || /^\s*DCGM_[A-Z0-9_]+\s*,\s*label\s*,/.test(line)) continue;
    const [, dcgm, kind, help = ""] = linePattern.exec(line) ?? [];
    if (dcgm === undefined) {
      throw new AssayError(
        "invalid_argument",
        `line ${at + 1}: expected DCGM_FI_NAME, gauge or counter, help, got ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
    if (!known.has(dcgm)) found.set(dcgm, { dcgm, name: nameOf(dcgm), ...ofField(kind === "counter", help) });
  }
  return [...found.values()];
}

function nameOf(dcgm: string): string {
  return `nvidia_${dcgm.replace(/^DCGM_(?:FI|EXP)_(?:DEV_)?/, "").toLowerCase()}`;
}

function ofField(isCounter: boolean, help: string) {
  return {
    kind: isCounter ? "counter" : "gauge",
    help,
    unit: /\(in ([^)]+)\)/.exec(help)?.[1] ?? "",
    scale: 1,
    isPerInstance: true,
  } as const;
}
