/** `profile_export_aiperf_timeslices.json`: the metrics of each slice of time (`--slice-duration`), as AIPerf writes them. */
import { timeSlices } from "../time-slices.ts";
import type { Exporter } from "./exporter.ts";
import { fileMetrics, metricJson } from "./file-metrics.ts";
import { inputConfig } from "./input-config.ts";
import { jsonText } from "./json-text.ts";
import { sliceNsOf } from "./time-slices-csv.ts";

export const timeSlicesJson: Exporter = ({ reader, spec, folder }, text) => {
  let separator = "";
  text('{\n  "timeslices": [');
  for (const slice of timeSlices(reader, sliceNsOf(spec))) {
    const head = {
      timeslice_index: slice.index,
      start_ns: slice.startWallNs,
      end_ns: slice.endWallNs,
      is_complete: slice.isComplete,
    };
    const metrics = Object.fromEntries(fileMetrics(slice).map((metric) => [metric.tag, metricJson(metric)]));
    text(`${separator}\n    ${jsonText({ ...head, ...metrics }, 2, 2)}`);
    separator = ",";
  }
  text(`${separator === "" ? "" : "\n  "}],\n  "input_config": ${jsonText(inputConfig(spec, folder), 2, 1)}\n}`);
};
