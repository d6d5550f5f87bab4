/** What is scraped: a page of metrics, or the GPUs of this host. */
import type { SeriesFacts, SourceReading } from "../core/sources/series.ts";

/** `absent`: nobody is there. `failed`: somebody is, or might be, and says nothing that can be read. */
export type SourceAnswer =
  | {
      readonly kind: "reading";
      readonly reading: SourceReading;
      /** What was read, in bytes as they were sent. */
      readonly sizeBytes: number;
    }
  | { readonly kind: "absent" | "failed"; readonly reason: string };

export interface Source {
  /** As it is stored and shown: without what is secret in a URL. */
  readonly name: string;
  /** By id, as its readings have them. */
  readonly series: readonly SeriesFacts[];
  /** Asks once, within the limits of what asks. Never rejects. An aborted `signal` ends it at once, as `failed`. */
  read(signal: AbortSignal): Promise<SourceAnswer>;
}
