/** `assay runs records RUN`: what was measured of each request. */
import type { MetricRecord } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { type Column, tableLines } from "../../../report/table.ts";
import { figure, harmless } from "../../../report/text.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import type { runsRecordsFlags } from "./flags.ts";
import { csvColumns, csvValue, metricOf, type RecordJson, recordJson, type WantedFields, wantedFields } from "./record-view.ts";
import { findRun, withSuite } from "./session.ts";

/** A table is for eyes: its columns fit all of its rows, so that all must be there first. */
const mostRowsOfTable = 10_000;

export async function runsRecords(asked: Asked<typeof runsRecordsFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  const format = options.format ?? (options.json === true ? "json" : "table");
  const wanted = wantedFields(options.fields ?? []);
  return withSuite(asked, async ({ client, signal }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const { phase = "", where: filter = "", orderBy = "" } = options;
    const isTable = format === "table";
    const limit = Math.min(options.limit ?? Number.POSITIVE_INFINITY, isTable ? mostRowsOfTable : Number.POSITIVE_INFINITY);
    const fields = isTable && wanted.fields.length === 0 ? tableFields : wanted.fields;
    const rows: string[][] = [];
    let seen = 0;
    let hasMore = false;
    if (format === "csv") terminal.out(`${csvLine(csvColumns(wanted))}\n`);
    for await (const { records, tags, nextPageToken } of client.queryRecords(run.runId, {
      phase,
      filter,
      orderBy,
      fields,
      limit,
    })) {
      if (signal.aborted) return exitCodes.interrupted;
      const taken = records.slice(0, limit - seen);
      seen += taken.length;
      hasMore = taken.length < records.length || nextPageToken !== "";
      const json = (record: MetricRecord) => recordJson(record, tags, wanted);
      if (isTable)
        rows.push(...taken.map((record) => (wanted.fields.length === 0 ? cellsOf(record, tags) : cells(json(record), wanted))));
      else if (format === "csv") terminal.out(taken.map((record) => `${csvLine(cells(json(record), wanted))}\n`).join(""));
      else terminal.out(taken.map((record) => `${JSON.stringify(json(record))}\n`).join(""));
      if (seen >= limit) break;
    }
    if (isTable) terminal.out(tableText(rows, wanted, terminal.width, terminal.hasColour));
    if (isTable && hasMore && options.limit === undefined) {
      terminal.err(`the first ${mostRowsOfTable} records; --format json prints all of them\n`);
    }
    return exitCodes.ok;
  });
}

function cells(record: RecordJson, wanted: WantedFields): string[] {
  return csvColumns(wanted).map((column) => harmless(csvValue(record, column)));
}

function csvLine(values: readonly string[]): string {
  return values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",");
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

function tableText(rows: readonly (readonly string[])[], wanted: WantedFields, width: number, hasColour: boolean): string {
  const paint = createPaint(hasColour);
  const own = csvColumns(wanted).map((header): Column => ({ header, align: "left" }));
  const shown = wanted.fields.length === 0 ? columns : own;
  const lines = tableLines({ title: "Records", columns: shown, rows }, Math.max(80, width), {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (shown[column]?.header === "Error" ? paint.red(text) : text),
  });
  return lines.map((line) => `${line}\n`).join("");
}
