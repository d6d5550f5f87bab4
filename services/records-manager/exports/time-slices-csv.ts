/** `profile_export_aiperf_timeslices.csv`: the same as a tidy table, a row for each statistic that there is. */
import { stringify } from "csv-stringify/sync";
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { twoDecimals } from "../../../report/text.ts";
import { timeSlices } from "../time-slices.ts";
import type { Exporter } from "./exporter.ts";
import { fileMetrics, STATISTICS } from "./file-metrics.ts";

export const timeSlicesCsv: Exporter = ({ reader, spec }, text) => {
  const line = (cells: readonly string[]): string => stringify([cells as string[]], { record_delimiter: "\r\n" });
  text(line(["Timeslice", "Metric", "Unit", "Stat", "Value"]));
  for (const slice of timeSlices(reader, sliceNsOf(spec))) {
    for (const metric of fileMetrics(slice).sort((one, other) => (one.tag < other.tag ? -1 : 1))) {
      const row = (stat: string, value: number): void => {
        if (Number.isFinite(value)) text(line([String(slice.index), metric.header, metric.unit, stat, twoDecimals(value)]));
      };
      if ("value" in metric) row("avg", metric.value);
      else for (const stat of STATISTICS) row(stat, metric.statistics[stat]);
    }
  }
};

/** Width of a slice. A file of a run that has none is one slice. */
export function sliceNsOf({ output }: RunSpec): number {
  return (output?.sliceSec ?? Number.MAX_SAFE_INTEGER / 1e9) * 1e9;
}
