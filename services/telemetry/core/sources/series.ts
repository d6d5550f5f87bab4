/** What a source says: series, and their values at one time. */

export type SourceKind = "dcgm" | "amd" | "nvidia-smi" | "server";

export type SeriesType = "gauge" | "counter" | "histogram" | "summary" | "unknown";

/** What a value is of. Two of one source are equal in kind, subject, name, type, unit and, where those tell series apart, labels. */
export interface SeriesFacts {
  readonly kind: SourceKind;
  /** UUID of a GPU, `UUID/instance` for a part of one; empty: the server itself. */
  readonly subject: string;
  /** As printed for servers (`_bucket`, `_sum`, `_count` and `_total` included), `nvidia_…` or `amd_…` for GPUs. */
  readonly name: string;
  /** What `# TYPE` names: all parts of a histogram are of one family. The name for GPUs. */
  readonly family: string;
  /** Of the family. */
  readonly type: SeriesType;
  /** Of the values, and of a histogram's bounds and sum; empty: unknown. */
  readonly unit: string;
  /** Empty: the source gives none. */
  readonly help: string;
  /** As printed for servers. Of GPUs `index`, `model`, `device`, `pci_bus_id`, `hostname`, `profile`, `namespace`, `pod`, `container` and others as printed. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What a source says at one time. */
export interface SourceReading {
  readonly kind: SourceKind;
  /** Series that have a value for the first time: their ids follow on those that there were. */
  readonly added: readonly SeriesFacts[];
  /** Series of the values: indices into the reader's `series`, each at most once. */
  readonly ids: Uint32Array;
  /** One an id, finite. */
  readonly values: Float64Array;
  /** The newest time that the source gives of its values, in ms since the Unix epoch; undefined: none. */
  readonly timestampMs: number | undefined;
  /** Ids or values are others than at the reading before; true at the first. */
  readonly isChanged: boolean;
  /** Values of series that are too many: `maxSeries` are kept of a source. */
  readonly leftOut: number;
}

/** Reads what one source answers, again and again. */
export interface SourceReader {
  /** By id, in the order of their first values. */
  readonly series: readonly SeriesFacts[];
  /**
   * Reads one answer. Throws `invalid_argument`: what it is not, with the place. A reading without values is none of an error.
   * `mustEnd`: an answer of OpenMetrics, which must say where it ends.
   */
  read(text: string, options?: { readonly mustEnd?: boolean }): SourceReading;
}
