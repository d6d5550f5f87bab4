/**
 * What a process counts of itself. Every service has one table of instruments; the metrics page, OTLP and the reference in the
 * docs are made from it, and the type of what a service gives is computed from it.
 */

/**
 * - counter: only grows, from the start of the process.
 * - gauge: as it stands now.
 * - histogram: how many values were at most each bound, from the start of the process.
 */
export type InstrumentKind = "counter" | "gauge" | "histogram";

/** In UCUM: seconds, bytes, a share, or things counted, named in braces. */
export type InstrumentUnit = "s" | "By" | "1" | `{${string}}`;

export interface Instrument {
  readonly kind: InstrumentKind;
  readonly unit: InstrumentUnit;
  /** One sentence, without its full stop. */
  readonly help: string;
  /** Names of its labels; each has few values, however long a process lives. Absent: none. */
  readonly labels?: readonly string[];
  /** Histograms only: upper bounds, ascending; a last one without bound is added. */
  readonly bounds?: readonly number[];
}

/** By name as on the page: `assay_<service>_<noun>_<unit>`, counters with `_total` behind it. */
export type InstrumentTable = Readonly<Record<`assay_${string}`, Instrument>>;

/** Values of a histogram so far. */
export interface Distribution {
  readonly bounds: readonly number[];
  /** Of each bucket alone, not cumulated; one more than bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** One value of an instrument with labels. */
export interface Labelled<Label extends string, Value> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: Value;
}

type ValueOf<I> = I extends { readonly kind: "histogram" } ? Distribution : number;

/** What a service gives for its table: a value each, or a list where there are labels. */
export type Readings<T extends InstrumentTable> = {
  readonly [Name in keyof T]: T[Name] extends { readonly labels: readonly (infer Label extends string)[] }
    ? readonly Labelled<Label, ValueOf<T[Name]>>[]
    : ValueOf<T[Name]>;
};

/** An instrument with its values at one moment. */
export interface Family {
  readonly name: string;
  readonly instrument: Instrument;
  readonly points: readonly Labelled<string, number | Distribution>[];
}
