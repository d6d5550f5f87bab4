/** `assay runs records RUN`: what was measured of each request. */
import type { MetricRecord } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { type Column, tableLines } from "../../../report/table.ts";
import { figure, harmless } from "../../../report/text.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import type { runsRecordsFlags } from "./flags.ts";
import { metricOf, recordJson } from "./record-view.ts";
import { findRun, withSuite } from "./session.ts";

/** A table is for eyes: its columns fit all of its rows, so that all must be there first. */
const mostRowsOfTable = 10_000;

export async function runsRecords(asked: Asked<typeof runsRecordsFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  return withSuite(asked, async ({ client, signal }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const { json: isJson = false, phase = "", fields = [] } = options;
    const asRows = !isJson;
    const limit = Math.min(options.limit ?? Number.POSITIVE_INFINITY, asRows ? mostRowsOfTable : Number.POSITIVE_INFINITY);
    const rows: string[][] = [];
    let seen = 0;
    let hasMore = false;
    for await (const { records, tags } of client.queryRecords(run.runId, phase, asRows ? tableFields : fields)) {
      if (signal.aborted) return exitCodes.interrupted;
      const taken = records.slice(0, limit - seen);
      seen += taken.length;
      hasMore = taken.length < records.length;
      if (asRows) rows.push(...taken.map((record) => cellsOf(record, tags)));
      else terminal.out(taken.map((record) => `${JSON.stringify(recordJson(record, tags, fields))}\n`).join(""));
      if (seen >= limit) break;
    }
    if (asRows) terminal.out(tableText(rows, terminal.width, terminal.hasColour));
    if (asRows && hasMore && options.limit === undefined) {
      terminal.err(`the first ${mostRowsOfTable} records; --json prints all of them\n`);
    }
    return exitCodes.ok;
  });
}

const tableFields = ["credit_id", "session", "turn", "status", "error", "model", "finish_reason", "values"] as const;

const columns: readonly Column[] = [
  { header: "Credit", align: "right" },
  { header: "Session", align: "right", dropRank: 1 },
  { header: "Turn", align: "right", dropRank: 0 },
  { header: "Status", align: "right", dropRank: 4 },
  { header: "Latency (ms)", align: "right" },
  { header: "TTFT (ms)", align: "right" },
  { header: "ITL (ms)", align: "right", dropRank: 3 },
  { header: "ISL", align: "right", dropRank: 5 },
  { header: "OSL", align: "right" },
  { header: "Finish", align: "left", dropRank: 2 },
  { header: "Error", align: "left", minWidth: 12 },
];

function cellsOf(record: MetricRecord, tags: readonly string[]): string[] {
  const shown = (tag: string, digits = true): string => {
    const value = metricOf(record, tags, tag);
    if (value === undefined) return "";
    return digits ? figure(value) : String(value);
  };
  return [
    String(record.creditId),
    String(record.session),
    String(record.turn),
    record.status === 0 ? "" : String(record.status),
    shown("request_latency"),
    shown("time_to_first_token"),
    shown("inter_token_latency"),
    shown("input_sequence_length", false),
    shown("output_sequence_length", false),
    record.finishReason,
    record.error === undefined ? "" : harmless(`${record.error.code}: ${record.error.message}`),
  ];
}

function tableText(rows: readonly (readonly string[])[], width: number, hasColour: boolean): string {
  const paint = createPaint(hasColour);
  const lines = tableLines({ title: "Records", columns, rows }, Math.max(80, width), {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === columns.length - 1 ? paint.red(text) : text),
  });
  return lines.map((line) => `${line}\n`).join("");
}
