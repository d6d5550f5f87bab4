/** `profile_export_console.txt`: the report of the run as a terminal of 140 columns shows it, without colours. */
import { create } from "@bufbuild/protobuf";
import { RunSchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import { SummarizeRecordsResponseSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { reportLines } from "../../../report/report.ts";
import { harmless } from "../../../report/text.ts";
import { summaryResponseOf } from "../summary-wire.ts";
import type { Exporter } from "./exporter.ts";

/** AIPerf's width of this file. */
const WIDTH = 140;

export const consoleReport: Exporter = ({ phases, spec, reader }, text) => {
  const summary = create(SummarizeRecordsResponseSchema, summaryResponseOf(phases(), { database: reader.path }));
  const run = create(RunSchema, {
    spec,
    phases: spec.phases.map(({ name, stop }, index) => ({ index, name, asked: stop?.requestCount ?? 0n })),
  });
  const { state, reason } = phases();
  if (state === "FAILED")
    text(`The run failed: ${harmless(reason ?? "nobody said why")}. What follows is of what was recorded.\n\n`);
  const report = { run, summary, folder: undefined, files: [] };
  for (const line of reportLines(report, { width: WIDTH, paint: createPaint(false) })) text(`${line}\n`);
};
