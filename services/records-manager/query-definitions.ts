/** A run's figures by the formulas of other tools, from the moments that its file keeps. */
import { readChatEvent } from "../../endpoints/openai/chat-event.ts";
import { readCompletionsEvent } from "../../endpoints/openai/completions-event.ts";
import { streamEvents } from "../../endpoints/openai/stream-events.ts";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { outputTokenCount } from "../../metrics/output-token-count.ts";
import { timeToFirstOutputToken } from "../../metrics/time-to-first-output-token.ts";
import { decodeReads, decodeStamps } from "../common/chunk-stamps.ts";
import { AssayError } from "../common/errors.ts";
import { DEFINITIONS, type Definition, NEEDS_EVENTS } from "../common/tool-definitions.ts";
import { Column } from "./core/column.ts";
import { definedFigures, FIGURES, isRanked, type StreamEvent } from "./core/definitions.ts";
import { type Statistics, statisticsOf } from "./core/statistics.ts";
import { WeightedDistribution } from "./core/weighted-distribution.ts";
import { specOf } from "./exports/export-run.ts";
import { PAYLOAD_COLUMN, READS_COLUMN, RunReader } from "./store/run-reader.ts";
import { STAMPS_COLUMN } from "./store/schema.ts";

export interface DefinitionsQuery {
  readonly folder: string;
  /** Names of `DEFINITIONS`. */
  readonly definitions: readonly string[];
}

/** One tool's figures of the measured phases, taken together, in ms. */
export interface DefinitionSummary {
  readonly definition: Definition;
  /** Those that the tool has and a request of the run gives. */
  readonly figures: readonly { readonly figure: (typeof FIGURES)[number]; readonly statistics: Statistics }[];
}

/**
 * Throws `invalid_argument` for a name that there is not, `failed_precondition` where a definition needs moments that the run did
 * not keep. One pass over the rows.
 */
export function queryDefinitions({ folder, definitions }: DefinitionsQuery): DefinitionSummary[] {
  const asked = definitions.map(definitionNamed);
  const reader = RunReader.open(folder);
  try {
    const spec = specOf(reader);
    const type = spec.endpoint?.type || "chat";
    const isRaw = spec.output?.exportLevel === "raw" && (type === "chat" || type === "completions");
    const blocked = isRaw ? undefined : asked.find((definition) => NEEDS_EVENTS.has(definition));
    if (blocked !== undefined) {
      const what = "the moments of events without content, which a run of chat or completions with --export-level raw keeps";
      throw new AssayError("failed_precondition", `the definitions of ${blocked} need ${what}`);
    }
    return read(reader, asked, isRaw ? (type === "chat" ? readChatEvent : readCompletionsEvent) : undefined);
  } finally {
    reader.close();
  }
}

function definitionNamed(name: string): Definition {
  const found = DEFINITIONS.find((definition) => definition === name);
  if (found === undefined)
    throw new AssayError("invalid_argument", `definitions: must be of ${DEFINITIONS.join(", ")}, got ${name}`);
  return found;
}

type ReadEvents = Parameters<typeof streamEvents>[1];

const COLUMNS = [
  "phase",
  "is_cancelled",
  "error_code",
  "is_streaming",
  "due_ns",
  "sent_ns",
  "end_ns",
  outputSequenceLength.tag,
  outputTokenCount.tag,
  timeToFirstOutputToken.tag,
  STAMPS_COLUMN,
] as const;

type Row = [
  creditId: number,
  phase: number,
  isCancelled: number,
  errorCode: string | null,
  isStreaming: number,
  dueNs: number | null,
  sentNs: number,
  endNs: number,
  tokens: number | null,
  contentTokens: number | null,
  firstOutputMs: number | null,
  stamps: Uint8Array,
  reads: Uint8Array | null,
  payload: Uint8Array | null,
];

function read(reader: RunReader, asked: readonly Definition[], readEvent: ReadEvents | undefined): DefinitionSummary[] {
  const measured = new Set(reader.phases().flatMap(({ phase, kind }) => (kind === "profiling" ? [phase] : [])));
  const tallies = asked.map((definition) => ({
    definition,
    figures: FIGURES.map((figure) => ({ figure, tally: isRanked(definition) ? new WeightedDistribution() : new LinearTally() })),
  }));
  const raw = readEvent === undefined ? [] : [READS_COLUMN, PAYLOAD_COLUMN];
  for (const page of reader.pages([...COLUMNS, ...raw], { pageRows: 200 }) as Iterable<Row[]>) {
    for (const row of page) {
      const [, phase, isCancelled, errorCode, isStreaming, dueNs, sentNs, endNs, tokens, contentTokens] = row;
      if (!measured.has(phase) || isCancelled === 1 || errorCode !== null || isStreaming === 0) continue;
      const facts = {
        events: eventsOf(row, readEvent),
        dueNs: dueNs === null ? 0 : dueNs - sentNs,
        endNs,
        tokens: tokens ?? undefined,
        contentTokens: contentTokens ?? undefined,
      };
      for (const { definition, figures } of tallies) {
        const found = definedFigures(definition, facts);
        for (const { figure, tally } of figures) for (const { ms, weight } of found[figure]) tally.add(ms, weight);
      }
    }
  }
  return tallies.map(({ definition, figures }) => ({
    definition,
    figures: figures.flatMap(({ figure, tally }) => {
      const statistics = tally.statistics();
      return statistics === undefined ? [] : [{ figure, statistics }];
    }),
  }));
}

/** Of the raw answer, where it is there; else of the stamps of its content, which tell reasoning apart by where it ends. */
function eventsOf(row: Row, readEvent: ReadEvents | undefined): StreamEvent[] {
  const [, , , , , , , , , , firstOutputMs, stamps, reads, payload] = row;
  if (readEvent !== undefined && reads && payload && payload.length > 0) {
    return streamEvents({ payload, ...decodeReads(reads) }, readEvent);
  }
  const firstOutputNs = firstOutputMs === null ? Number.POSITIVE_INFINITY : Math.round(firstOutputMs * 1e6);
  return Array.from(decodeStamps(stamps), (ns): StreamEvent => ({ kind: ns < firstOutputNs ? "reasoning" : "content", ns }));
}

/** Values of equal weight, whose percentiles interpolate. */
class LinearTally {
  readonly #values = new Column();

  add(value: number, _weight: number): void {
    this.#values.push(value);
  }

  statistics(): Statistics | undefined {
    return statisticsOf(this.#values.values());
  }
}
