/** `assay runs timeline RUN`: requests and telemetry of a run in the same buckets of time. */
import { createPaint } from "../../../report/paint.ts";
import { tableLines } from "../../../report/table.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import type { runsTimelineFlags } from "./flags.ts";
import { formatOf } from "./output-format.ts";
import { findRun, withSuite } from "./session.ts";
import { stepMs } from "./timeline-options.ts";
import { tableColumns, tableMetrics, timelineCsv, timelineJson, timelineMetricNames } from "./timeline-view.ts";

const defaultStepMs = 1000;

export async function runsTimeline({ options, operands, terminal, ...asked }: Asked<typeof runsTimelineFlags>): Promise<number> {
  const format = formatOf(options);
  return withSuite({ options, operands, terminal, ...asked }, async ({ client }) => {
    const { runId } = await findRun(client, operands[0] ?? "", terminal.cwd);
    const bucketMs = (options.step === undefined ? undefined : stepMs(options.step)) ?? defaultStepMs;
    const series = (options.series ?? "").split(";").filter((text) => text.trim() !== "");
    const { phase = "", where: filter = "" } = options;
    const timeline = await client.timeline({ runId, bucketMs, phase, filter, series });
    const metrics = timelineMetricNames.filter((name) => options.metrics?.includes(name) ?? true);
    if (format === "json") terminal.out(`${JSON.stringify(timelineJson(runId, bucketMs, timeline, metrics), null, 2)}\n`);
    else if (format === "csv") terminal.out(timelineCsv(timeline, metrics));
    else {
      const columns = tableColumns(timeline, options.metrics === undefined ? tableMetrics : metrics);
      const table = {
        title: "Timeline",
        columns: columns.map(({ header }) => ({ header, align: "right" as const, minWidth: 10 })),
        rows: timeline.buckets.map((_, row) => columns.map(({ cells }) => cells[row] ?? "")),
      };
      const paint = createPaint(terminal.hasColour);
      const style = { title: paint.bold, header: paint.bold, cell: (text: string) => text };
      terminal.out(
        tableLines(table, Math.max(80, terminal.width), style)
          .map((line) => `${line}\n`)
          .join(""),
      );
    }
    return exitCodes.ok;
  });
}
