/** A run's figures by the formulas of other tools, from the moments that its file keeps. */
import { AssayError } from "../common/errors.ts";
import { DEFINITIONS, type Definition, NEEDS_EVENTS } from "../common/tool-definitions.ts";
import { tallyOf } from "./core/defined-tally.ts";
import { definedFigures, FIGURES } from "./core/definitions.ts";
import type { Statistics } from "./core/statistics.ts";
import { specOf } from "./exports/export-run.ts";
import { RunReader } from "./store/run-reader.ts";
import {
  eventReader,
  isWholeStream,
  type ReadEvents,
  STREAM_PAGE_ROWS,
  type StreamRow,
  streamColumns,
  streamFacts,
} from "./stream-facts.ts";

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
    const readEvent = eventReader(specOf(reader));
    const blocked = readEvent !== undefined ? undefined : asked.find((definition) => NEEDS_EVENTS.has(definition));
    if (blocked !== undefined) {
      const what = "the moments of events without content, which a run of chat or completions with --export-level raw keeps";
      throw new AssayError("failed_precondition", `the definitions of ${blocked} need ${what}`);
    }
    return read(reader, asked, readEvent);
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

function read(reader: RunReader, asked: readonly Definition[], readEvent: ReadEvents | undefined): DefinitionSummary[] {
  const measured = reader.measuredPhases();
  const tallies = asked.map((definition) => ({
    definition,
    figures: FIGURES.map((figure) => ({ figure, tally: tallyOf(definition, figure) })),
  }));
  for (const page of reader.pages(streamColumns(readEvent), { pageRows: STREAM_PAGE_ROWS }) as Iterable<StreamRow[]>) {
    for (const row of page) {
      if (!measured.has(row[1]) || !isWholeStream(row)) continue;
      const facts = streamFacts(row, readEvent);
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
