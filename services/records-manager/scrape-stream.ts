/** What one stream has declared of sources and series, and its scrapes as rows. */
import type { SampleBatch } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError } from "../common/errors.ts";
import type { ScrapeRow, SeriesFacts, SourceFacts } from "./core/telemetry-rows.ts";

/** Where sources and series have numbers of their own. */
export interface TelemetryTables {
  telemetrySource(facts: SourceFacts): number;
  telemetryPlace(source: number, facts: SeriesFacts): number;
}

interface DeclaredSource {
  /** Its number in the file. */
  readonly source: number;
  /** Places in the file by the ids of the stream. */
  readonly places: number[];
  /** Every id is its place. */
  isStraight: boolean;
}

export class ScrapeStream {
  private readonly sources: DeclaredSource[] = [];

  /** Throws `invalid_argument` where a batch names what was not declared, or declares with ids that are not dense. */
  declare({ sources, series }: SampleBatch, tables: TelemetryTables): void {
    for (const { id, kind, name } of sources) {
      if (id !== this.sources.length) throw notDense("source", id, this.sources.length);
      this.sources.push({ source: tables.telemetrySource({ kind, name }), places: [], isStraight: true });
    }
    for (const { source, id, subject, name, family, type, unit, help, labels } of series) {
      const declared = this.declared(source);
      if (id !== declared.places.length) throw notDense("series", id, declared.places.length);
      const place = tables.telemetryPlace(declared.source, { subject, name, family, type, unit, help, labels });
      declared.places.push(place);
      declared.isStraight &&= place === id;
    }
  }

  rowsOf({ scrapes }: SampleBatch): ScrapeRow[] {
    return scrapes.map(({ source: id, startNs, endNs, sourceWallNs, ageNs, gap, values }) => {
      const { source, places, isStraight } = this.declared(id);
      if (values.length > places.length) {
        throw new AssayError(
          "invalid_argument",
          `a scrape of source ${id} has ${values.length} values, ${places.length} series are declared`,
        );
      }
      const outcome = gap !== "" ? { gap } : isStraight ? values : placed(values, places);
      return { source, startNs, endNs, sourceWallNs, ageNs, outcome };
    });
  }

  private declared(id: number): DeclaredSource {
    const found = this.sources[id];
    if (found === undefined) throw new AssayError("invalid_argument", `source ${id} was not declared on this stream`);
    return found;
  }
}

function placed(values: readonly number[], places: readonly number[]): Float64Array {
  const highest = places.slice(0, values.length).reduce((most, place) => Math.max(most, place), -1);
  const row = new Float64Array(highest + 1).fill(Number.NaN);
  for (const [id, value] of values.entries()) row[places[id] as number] = value;
  return row;
}

function notDense(what: string, id: number, next: number): AssayError {
  return new AssayError("invalid_argument", `${what} ids must be dense: expected ${next}, got ${id}`);
}
