/** Gives series their ids, and puts one reading together at a time. */
import type { SeriesFacts, SourceKind, SourceReading } from "./series.ts";

/** More of one source are not kept: a page whose labels never repeat would fill the memory. */
export const maxSeries = 200_000;

/** One series. An object for the life of the book. */
export interface BookedSeries {
  readonly facts: SeriesFacts;
  /** -1: it had no value yet. */
  id: number;
  /** The reading that has a value of it. */
  reading: number;
}

export class SeriesBook {
  readonly series: SeriesFacts[] = [];
  readonly #byKey = new Map<string, BookedSeries>();
  #reading = 0;
  #ids: number[] = [];
  #values: number[] = [];
  #firstNew = 0;
  #leftOut = 0;
  #last: { readonly ids: Uint32Array; readonly values: Float64Array } | undefined;

  /** The series of these facts. `apart`: labels that tell it from others of its name, and their values. */
  of(facts: SeriesFacts, apart: readonly string[]): BookedSeries {
    const { kind, subject, name, type, unit } = facts;
    const key = `${kind}\0${subject}\0${name}\0${type}\0${unit}\0${apart.join("\0")}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const added = { facts, id: -1, reading: 0 };
    if (this.#byKey.size < maxSeries) this.#byKey.set(key, added);
    return added;
  }

  /** A new reading; one that was not closed is forgotten. */
  open(): void {
    this.#reading++;
    this.#ids = [];
    this.#values = [];
    this.#firstNew = this.series.length;
    this.#leftOut = 0;
  }

  /** A value of the reading. Of a series that is printed twice the first counts; one that is not finite is none. */
  add(series: BookedSeries, value: number): void {
    if (series.reading === this.#reading || !Number.isFinite(value)) return;
    series.reading = this.#reading;
    if (series.id === -1) {
      if (this.series.length >= maxSeries) {
        this.#leftOut++;
        return;
      }
      series.id = this.series.push(series.facts) - 1;
    }
    this.#ids.push(series.id);
    this.#values.push(value);
  }

  close(kind: SourceKind, timestampMs?: number): SourceReading {
    const ids = new Uint32Array(this.#ids);
    const values = new Float64Array(this.#values);
    const isChanged = this.#last === undefined || !areEqual(ids, this.#last.ids) || !areEqual(values, this.#last.values);
    this.#last = { ids, values };
    return { kind, added: this.series.slice(this.#firstNew), ids, values, timestampMs, isChanged, leftOut: this.#leftOut };
  }
}

function areEqual(one: Uint32Array | Float64Array, other: Uint32Array | Float64Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
