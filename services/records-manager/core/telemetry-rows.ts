/** What is kept of telemetry: sources, their series, and a row for each scrape. Times `…Ns` are suite time, `…WallNs` count from the Unix epoch. */

/** What a source is: `dcgm`, `amd` and `nvidia-smi` tell about GPUs, `server` is a target's own page, `host` a machine, `latency` the network. */
export type SourceKind = "dcgm" | "amd" | "nvidia-smi" | "server" | "host" | "latency";

export interface SourceFacts {
  /** One of `SourceKind`, or what a newer sender calls it. */
  readonly kind: string;
  /** URL of a page, or a name; unique within the kind. */
  readonly name: string;
}

/** What one scraped value is of. */
export interface SeriesFacts {
  /** GPU UUID, with `/instance` for a MIG instance; a host; empty: the source itself. */
  readonly subject: string;
  /** As the page prints it; of GPUs AIPerf's name of the field. */
  readonly name: string;
  /** Of a page: the name on its TYPE line, which a histogram's `_bucket`, `_sum` and `_count` share. */
  readonly family: string;
  /** `gauge`, `counter`, `histogram`, `summary` or `unknown`. */
  readonly type: string;
  /** Empty: none, or not known. */
  readonly unit: string;
  readonly help: string;
  /** As printed, `le` and `quantile` among them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One scrape of one source. */
export interface ScrapeRow {
  /** Number of the source in the file. */
  readonly source: number;
  readonly startNs: number;
  readonly endNs: number;
  /** The source's own time of the values, where it says one. */
  readonly sourceWallNs?: number | undefined;
  /** How long the source had said the same when the scrape began, where that is known. */
  readonly ageNs?: number | undefined;
  /** By place of the series; NaN: no value. A reason: the scrape failed with it. */
  readonly outcome: ArrayLike<number> | { readonly gap: string };
}

/** A series as it is read back. */
export interface SeriesRow extends SeriesFacts {
  /** Number in the file. */
  readonly series: number;
  /** Its place among the values of a scrape. */
  readonly place: number;
  readonly kind: string;
  /** Name of its source. */
  readonly source: string;
}

/** Values of a series in order of time: each with the end of its scrape, suite time. */
export interface SeriesPoints {
  readonly ns: Float64Array;
  readonly values: Float64Array;
  /** Ends of scrapes of its source that gave no value of it, of several in a row the first, ascending. Failed scrapes are not among them. */
  readonly absentNs: Float64Array;
}

/** A scrape as it is read back. */
export interface ScrapeReading {
  readonly startNs: number;
  readonly endNs: number;
  /** By place of the series; null, or nothing at the end: none of that series. Undefined: it gave nothing. */
  readonly values: readonly (number | null)[] | undefined;
}

/** A scrape that gave nothing. */
export interface GapRow extends SourceFacts {
  readonly startNs: number;
  readonly endNs: number;
  readonly reason: string;
}

/** A source and what came of its scrapes. */
export interface SourceRow extends SourceFacts {
  /** That gave values, and that did not. */
  readonly scrapes: number;
  readonly gaps: number;
  /**
   * Its clock minus wall time by the suite's, in ns; undefined: it says no times. A value is taken before its scrape ends, so that each scrape
   * gives a lower bound, and this is the highest: too low by as much as the freshest value was old.
   */
  readonly skewNs: number | undefined;
}
