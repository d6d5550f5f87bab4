/** `assay runs records RUN`: what was measured of each request. */
import type { MetricRecord } from "../../../gen/assay/records_manager/v1/record_pb.js";
import type { StreamRecordsResponse } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { type Column, tableLines } from "../../../report/table.ts";
import { figure, harmless } from "../../../report/text.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { csvLine } from "./csv.ts";
import type { runsRecordsFlags } from "./flags.ts";
import { formatOf } from "./output-format.ts";
import { csvColumns, csvValue, metricOf, type RecordJson, recordJson, type WantedFields, wantedFields } from "./record-view.ts";
import { findRun, withSuite } from "./session.ts";

/** A table is for eyes: its columns fit all of its rows, so that all must be there first. */
const mostRowsOfTable = 10_000;

export async function runsRecords(asked: Asked<typeof runsRecordsFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  const format = formatOf(options);
  const wanted = wantedFields(options.fields ?? []);
  return withSuite(asked, async ({ client, signal }) => {
    const { runId } = await findRun(client, operands[0] ?? "", terminal.cwd);
    const { phase = "", where: filter = "", orderBy = "", limit = Number.POSITIVE_INFINITY } = options;
    const records = { phase, filter, orderBy, fields: wanted.fields, limit };
    if (format === "table") {
      const fields = wanted.fields.length === 0 ? tableFields : wanted.fields;
      const recordsTo = (most: number) => client.streamRecords(runId, { ...records, fields, limit: most }, signal);
      const { rows, hasMore } = await tableRows(recordsTo, limit, wanted);
      terminal.out(tableText(rows, wanted, terminal.width, terminal.hasColour));
      if (hasMore) terminal.err(`the first ${mostRowsOfTable} records; --format json prints all of them\n`);
      return exitCodes.ok;
    }
    // Not before the suite has taken what it is asked.
    let header = format === "csv" ? `${csvLine(csvColumns(wanted))}\n` : "";
    for await (const { records: some, tags } of client.streamRecords(runId, records, signal)) {
      const lines = some.map((record) => {
        const json = recordJson(record, tags, wanted);
        return format === "csv" ? csvLine(cells(json, wanted)) : JSON.stringify(json);
      });
      const isRead = await terminal.outNext(header + lines.map((line) => `${line}\n`).join(""));
      header = "";
      if (!isRead) break;
    }
    terminal.out(header);
    return exitCodes.ok;
  });
}

/**
 * The rows of a table, of which there are `limit` at most; `recordsTo` gives the first records, up to a number of them. `hasMore`: there
 * are more than a table has, and nobody asked for fewer.
 */
export async function tableRows(
  recordsTo: (limit: number) => AsyncIterable<Pick<StreamRecordsResponse, "records" | "tags">>,
  limit: number,
  wanted: WantedFields,
): Promise<{ readonly rows: string[][]; readonly hasMore: boolean }> {
  const isOwn = wanted.fields.length === 0;
  // One more than a table has tells whether there are more.
  const most = limit === Number.POSITIVE_INFINITY ? mostRowsOfTable + 1 : Math.min(limit, mostRowsOfTable);
  const rows: string[][] = [];
  for await (const { records, tags } of recordsTo(most)) {
    rows.push(...records.map((record) => (isOwn ? cellsOf(record, tags) : cells(recordJson(record, tags, wanted), wanted))));
  }
  return { rows: rows.slice(0, mostRowsOfTable), hasMore: rows.length > mostRowsOfTable };
}

function cells(record: RecordJson, wanted: WantedFields): string[] {
  return csvColumns(wanted).map((column) => harmless(csvValue(record, column)));
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
