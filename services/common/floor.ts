/**
 * The floor of a machine: how good any figure measured from it can be, as `assay doctor` found it with the built-in server on the
 * same machine. Figures of one boot, one Node and one version of Assay.
 */

/** Of many errors: in ms. */
export interface Spread {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Floor {
  readonly host: string;
  /** When it was measured, ns since the Unix epoch. */
  readonly measuredWallNs: number;
  /** How long measuring took, in seconds. */
  readonly tookSec: number;
  readonly nodeVersion: string;
  readonly assayVersion: string;
  readonly pacing: {
    /** Requests a second that were due. */
    readonly ratePerSec: number;
    /** How late requests left, by `--pacing`. */
    readonly normal: Spread;
    readonly precise: Spread;
  };
  /** What chunks were stamped late, against the server's own stamps. */
  readonly stamps: Spread & { readonly chunksPerSec: number };
  /** What one worker reaches with 64 requests at once. */
  readonly requestsPerSec: number;
  readonly chunksPerSec: number;
  readonly connections: {
    readonly perSec: number;
    /** That many were open at the same time, of so many tried. */
    readonly atOnce: number;
    readonly tried: number;
  };
  /** File descriptors that a process may have open; 0: unknown; Infinity (null in JSON): no limit. */
  readonly descriptors: { readonly soft: number; readonly hard: number };
  /** Local ports for outgoing connections; 0: unknown. */
  readonly ports: { readonly first: number; readonly last: number };
  readonly clock: {
    readonly resolutionNs: number;
    readonly readingNs: number;
    /** How fast wall time ran against the monotonic clock, in parts per million, over `tookSec`. */
    readonly wallDriftPpm: number;
  };
  /** How late a timer of the event loop is. */
  readonly timers: Spread;
  readonly cores: {
    readonly usable: number;
    /** How many of them others kept busy right before. */
    readonly busy: number;
  };
}
