/** `assay runs summary RUN`: the tables of a run, as `assay run` printed them, or figures of groups of its requests. */

import type { Run } from "../../../gen/assay/controller/v1/controller_pb.js";
import { type GroupStatistic, groupLines, groupStatistics } from "../../../report/groups.ts";
import { createPaint } from "../../../report/paint.ts";
import { reportLines } from "../../../report/report.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { filesIn } from "../run-files.ts";
import { summaryJson } from "../summary-json.ts";
import type { runsSummaryFlags } from "./flags.ts";
import { groupsCsv, groupsJson } from "./group-view.ts";
import { formatOf } from "./output-format.ts";
import { findRun, type SuiteUse, withSuite } from "./session.ts";
import { isGrouped } from "./summary-options.ts";

type SummaryFlags = typeof runsSummaryFlags;

export async function runsSummary(asked: Asked<SummaryFlags>): Promise<number> {
  const { operands, terminal } = asked;
  return withSuite(asked, async (suite) => {
    const run = await findRun(suite.client, operands[0] ?? "", terminal.cwd);
    const lines = isGrouped(asked.options) ? await groupsText(asked, suite, run) : await reportText(asked, suite, run);
    terminal.out(lines);
    return exitCodes.ok;
  });
}

async function reportText({ options, terminal }: Asked<SummaryFlags>, { client }: SuiteUse, run: Run): Promise<string> {
  const summary = await client.summarize(run.runId, options.phase, {
    definitions: options.definitions,
    withIntervals: options.confidence,
  });
  const isLocal = options.controller === undefined;
  const report = {
    run,
    summary,
    folder: isLocal ? run.folder : undefined,
    files: isLocal ? await filesIn(run.folder) : [],
  };
  if (formatOf(options) === "json") return `${JSON.stringify(summaryJson(report), null, 2)}\n`;
  const lines = reportLines(report, { width: terminal.width, paint: createPaint(terminal.hasColour) });
  return lines.map((line) => `${line}\n`).join("");
}

/** What a table has of each group, where nobody says. */
const tableMetrics = [
  "request_throughput",
  "output_token_throughput",
  "time_to_first_token",
  "inter_token_latency",
  "request_latency",
  "output_sequence_length",
] as const;
const tableStatistics: readonly GroupStatistic[] = ["avg", "p50", "p90", "p99"];

async function groupsText({ options, terminal }: Asked<SummaryFlags>, { client }: SuiteUse, run: Run): Promise<string> {
  const { where: filter, by = [], statistics = [], confidence = false } = options;
  const format = formatOf(options);
  const { groups, leftOutRequests: leftOut } = await client.summarize(run.runId, options.phase, {
    filter,
    // Figures are of phases where nothing else tells requests apart.
    groupBy: by.length === 0 ? ["phase"] : by,
    metrics: options.metrics ?? (format === "table" ? tableMetrics : []),
    statistics,
    withIntervals: confidence,
  });
  if (format === "json") return `${JSON.stringify(groupsJson(run.runId, groups, leftOut), null, 2)}\n`;
  if (format === "csv") return groupsCsv(groups, confidence);
  const shown = statistics.length === 0 ? tableStatistics : groupStatistics.filter((name) => statistics.includes(name));
  const style = { width: terminal.width, paint: createPaint(terminal.hasColour), statistics: shown };
  return groupLines(groups, leftOut, style)
    .map((line) => `${line}\n`)
    .join("");
}
