/**
 * What the clock of another host reads, from pings: the usual four readings of NTP (RFC 5905 §8) with the filter that
 * matters on a network with queues, keeping the sample of the smallest round trip. Pure.
 */

/** One ping. `sent` and `received` are readings of this host's clock, `remote…` of the other's; all in ns. */
export interface ClockPing {
  readonly sentNs: number;
  readonly remoteReceivedNs: number;
  readonly remoteSentNs: number;
  readonly receivedNs: number;
}

export interface OffsetEstimate {
  /** The other clock minus this one, in ns. */
  readonly offsetNs: number;
  /** The true offset is within ± this, as long as the clocks drift no faster than `maxDriftPpm` from each other. */
  readonly uncertaintyNs: number;
  /** Rate of the other clock against this one, in parts per million; 0 until it has been watched for long enough. */
  readonly driftPpm: number;
}

interface Sample {
  /** When its ping was sent: drift counts from there, since the remote reading may be as old as that. */
  readonly atNs: number;
  readonly offsetNs: number;
  readonly roundTripNs: number;
}

/** Crystals are within 50 ppm of each other, NTP slews by up to 500; CLOCK_MONOTONIC is slewed too. */
const maxDriftPpm = 100;
const keptSamples = 32;
const driftWindowNs = 10e9;
const keptWindows = 12;

export class OffsetFilter {
  private readonly samples: Sample[] = [];
  private readonly windows: Sample[] = [];

  add(ping: ClockPing): void {
    const roundTripNs = Math.max(0, ping.receivedNs - ping.sentNs - (ping.remoteSentNs - ping.remoteReceivedNs));
    const offsetNs = (ping.remoteReceivedNs - ping.sentNs + (ping.remoteSentNs - ping.receivedNs)) / 2;
    const sample = { atNs: ping.sentNs, offsetNs, roundTripNs };
    this.samples.push(sample);
    if (this.samples.length > keptSamples) this.samples.shift();
    this.follow(sample);
  }

  /** The estimate at this reading of this host's clock; undefined before the first ping. */
  estimate(nowNs: number): OffsetEstimate | undefined {
    const driftPpm = this.drift();
    let best: Sample | undefined;
    let bestUncertaintyNs = Number.POSITIVE_INFINITY;
    for (const sample of this.samples) {
      const uncertaintyNs = sample.roundTripNs / 2 + ((nowNs - sample.atNs) * maxDriftPpm) / 1e6;
      if (uncertaintyNs >= bestUncertaintyNs) continue;
      best = sample;
      bestUncertaintyNs = uncertaintyNs;
    }
    if (best === undefined) return undefined;
    const offsetNs = best.offsetNs + ((nowNs - best.atNs) * driftPpm) / 1e6;
    // The drift watched may have turned since: then the extrapolation errs by as much again.
    const turnedNs = ((nowNs - best.atNs) * Math.abs(driftPpm)) / 1e6;
    return { offsetNs, uncertaintyNs: bestUncertaintyNs + turnedNs, driftPpm };
  }

  /** Keeps the sample of the smallest round trip of every window of ten seconds. */
  private follow(sample: Sample): void {
    const last = this.windows.at(-1);
    const isSameWindow = last !== undefined && Math.floor(last.atNs / driftWindowNs) === Math.floor(sample.atNs / driftWindowNs);
    if (!isSameWindow) {
      this.windows.push(sample);
      if (this.windows.length > keptWindows) this.windows.shift();
    } else if (sample.roundTripNs < last.roundTripNs) {
      this.windows[this.windows.length - 1] = sample;
    }
  }

  private drift(): number {
    const first = this.windows[0];
    const last = this.windows.at(-1);
    if (first === undefined || last === undefined || last.atNs - first.atNs < 2 * driftWindowNs) return 0;
    const ppm = ((last.offsetNs - first.offsetNs) / (last.atNs - first.atNs)) * 1e6;
    const noisePpm = ((first.roundTripNs + last.roundTripNs) / 2 / (last.atNs - first.atNs)) * 1e6;
    // A slope within the samples' own uncertainty is noise.
    return Math.abs(ppm) < noisePpm ? 0 : Math.max(-maxDriftPpm, Math.min(maxDriftPpm, ppm));
  }
}
