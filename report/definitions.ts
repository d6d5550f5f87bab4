/** A run's figures by the formulas of other tools, as a table. Pure. */
import type { DefinitionSummary } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { figure, wrap } from "./text.ts";

/** A row for each tool and figure, or why there is none; nothing where no tool was asked for. */
export function definitionLines(definitions: readonly DefinitionSummary[], width: number, paint: Paint): string[] {
  const rows = definitions.flatMap(({ definition, figures }) =>
    figures.map(({ header, count, avg, p50 = 0, p90 = 0, p99 = 0 }) => [
      definition,
      `${header} (ms)`,
      ...[avg, p50, p90, p99].map(figure),
      String(count),
    ]),
  );
  if (rows.length === 0) {
    const names = definitions.map(({ definition }) => definition).join(", ");
    return names === ""
      ? []
      : wrap(`By the formulas of ${names} there is no figure: no measured request is a stream that succeeded`, width);
  }
  const columns: Column[] = [
    { header: "As", align: "left" },
    { header: "Figure", align: "left" },
    ...["avg", "p50", "p90", "p99", "count"].map((header) => ({ header, align: "right" as const })),
  ];
  return tableLines({ title: "Assay | By the formulas of other tools", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text),
  });
}
