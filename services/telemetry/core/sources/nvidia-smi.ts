/**
 * What `nvidia-smi --query-gpu=… --format=csv,nounits` prints: a header, and a line a GPU. It knows no energy counter, and of a GPU that is divided
 * by MIG what is true of the board.
 */
import { AssayError } from "../../../common/errors.ts";
import { gbPerMib } from "./dcgm-fields.ts";
import type { SeriesFacts, SourceReader } from "./series.ts";
import { SeriesBook } from "./series-book.ts";

interface SmiField {
  /** nvidia-smi's name of it, as it is asked for and as the header has it. */
  readonly query: string;
  readonly name: string;
  readonly unit: string;
  /** Printed value × scale = value in `unit`. */
  readonly scale: number;
}

const field = (query: string, name: string, unit: string, scale = 1): SmiField => ({ query, name, unit, scale });

const fields: readonly SmiField[] = [
  field("power.draw", "nvidia_power_usage", "W"),
  field("power.limit", "nvidia_power_limit", "W"),
  field("utilization.gpu", "nvidia_gpu_utilization", "%"),
  field("utilization.memory", "nvidia_memory_utilization", "%"),
  field("utilization.encoder", "nvidia_encoder_utilization", "%"),
  field("utilization.decoder", "nvidia_decoder_utilization", "%"),
  field("utilization.jpeg", "nvidia_jpg_utilization", "%"),
  field("memory.used", "nvidia_memory_used", "GB", gbPerMib),
  field("memory.free", "nvidia_memory_free", "GB", gbPerMib),
  field("memory.total", "nvidia_memory_total", "GB", gbPerMib),
  field("memory.reserved", "nvidia_memory_reserved", "GB", gbPerMib),
  field("temperature.gpu", "nvidia_temperature", "°C"),
  field("temperature.memory", "nvidia_memory_temperature", "°C"),
  field("clocks.current.sm", "nvidia_sm_clock", "MHz"),
  field("clocks.current.memory", "nvidia_memory_clock", "MHz"),
];
const fieldOf: ReadonlyMap<string, SmiField> = new Map(fields.map((each) => [each.query, each]));

/** Columns that say which GPU it is, by our label. */
const labels: ReadonlyMap<string, string> = new Map([
  ["index", "index"],
  ["name", "model"],
  ["pci.bus_id", "pci_bus_id"],
  ["driver_version", "driver_version"],
]);

/** All columns to ask for; older drivers do not know all of them. */
export const smiColumns: readonly string[] = ["uuid", ...labels.keys(), ...fieldOf.keys()];

/** Throws `invalid_argument` with reason `NVIDIA_SMI_SYNTAX` at what is no such output, also where it is cut short. */
export function createSmiReader(): SourceReader {
  const book = new SeriesBook();
  return {
    series: book.series,
    read(text) {
      const [header, ...rows] = linesOf(text);
      const columns = cellsOf(header ?? "").map((cell) => cell.replace(/ \[.*\]$/, ""));
      if (!columns.includes("uuid")) throw syntax(1, "a header with the column uuid", header ?? "");
      book.open();
      for (const [at, row] of rows.entries()) {
        const cells = cellsOf(row);
        if (cells.length !== columns.length) throw syntax(at + 2, `${columns.length} columns`, row);
        readGpu(book, new Map(columns.map((column, place) => [column, cells[place] ?? ""])));
      }
      return book.close("nvidia-smi");
    },
  };
}

function readGpu(book: SeriesBook, cells: ReadonlyMap<string, string>): void {
  const subject = cells.get("uuid") ?? "";
  for (const [column, text] of cells) {
    const known = fieldOf.get(column);
    // What a GPU does not have is in brackets: [N/A], [Not Supported], [Unknown Error].
    if (known === undefined || !/^-?\d+(?:\.\d+)?$/.test(text)) continue;
    book.add(book.of(factsOf(known, subject, cells), []), Number(text) * known.scale);
  }
}

function factsOf({ name, unit, query }: SmiField, subject: string, cells: ReadonlyMap<string, string>): SeriesFacts {
  const kept = [...labels].flatMap(([column, label]) => {
    const value = cells.get(column) ?? "";
    return value === "" || value.startsWith("[") ? [] : [[label, value] as const];
  });
  const facts = { kind: "nvidia-smi", subject, name, family: name, type: "gauge", unit, help: query } as const;
  return { ...facts, labels: Object.fromEntries(kept) };
}

function linesOf(text: string): string[] {
  if (!text.endsWith("\n")) throw syntax(text.split("\n").length, "the end of the line", text.slice(text.lastIndexOf("\n") + 1));
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

function cellsOf(line: string): string[] {
  return line.split(",").map((cell) => cell.trim());
}

function syntax(line: number, expected: string, found: string): AssayError {
  const got = found === "" ? "nothing" : JSON.stringify(found.slice(0, 60));
  return new AssayError("invalid_argument", `line ${line}: expected ${expected}, got ${got}`, {
    reason: "NVIDIA_SMI_SYNTAX",
    metadata: { line: String(line) },
  });
}

/** Which column an nvidia-smi that refuses the question does not know; undefined: it is something else. */
export function unknownColumn(output: string): string | undefined {
  return /Field "([^"]+)" is not a valid field to query/.exec(output)?.[1];
}
