/** AIPerf's list of custom fields of dcgm-exporter, which is also the exporter's own: `DCGM_FI_DEV_X, gauge, Help text (in W)`. Pure. */

export interface ListedGpuField {
  /** DCGM's name. */
  readonly dcgm: string;
  readonly kind: "gauge" | "counter";
  readonly help: string;
}

const linePattern = /^\s*(DCGM_[A-Z0-9_]+)\s*,\s*(gauge|counter)\s*,\s*(.*?)\s*$/;
const passedOver = /^\s*(?:#|$|DCGM_[A-Z0-9_]+\s*,\s*label\s*,)/;
const longestShown = 80;

/**
 * Empty lines, comments and labels (`DCGM_FI_DRIVER_VERSION, label, …`) are passed over.
 * @returns `problems`: `LINE: what was expected, and what is there instead`, one for each line that is none of it
 */
export function readGpuFieldList(text: string): { readonly fields: ListedGpuField[]; readonly problems: string[] } {
  const fields: ListedGpuField[] = [];
  const problems: string[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (passedOver.test(line)) continue;
    const [, dcgm, kind, help = ""] = linePattern.exec(line) ?? [];
    if (dcgm !== undefined) fields.push({ dcgm, kind: kind === "counter" ? "counter" : "gauge", help });
    else {
      const shown = JSON.stringify(line.slice(0, longestShown));
      problems.push(
        `${at + 1}: expected the name of a field of DCGM, gauge or counter, and a help text, with commas between them, got ${shown}`,
      );
    }
  }
  return { fields, problems };
}
