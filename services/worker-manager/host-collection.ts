/** What this host shows while a run goes on: readings of itself, and round trips of the network to the run's targets. */

import type { AllowedTargets } from "../common/allowed-targets.ts";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { SampleSender, SentSeries } from "../common/sample-sender.ts";
import type { ProbedTarget } from "./core/probed-target.ts";
import type { HostValue } from "./core/proc.ts";
import type { HostReader } from "./host-reader.ts";
import { createLatencyProbe } from "./latency-probe.ts";
import { Ticker } from "./ticker.ts";

/** Where readings go. */
export type SampleSink = Pick<
  SampleSender,
  "start" | "declareSource" | "declareSeries" | "send" | "drained" | "queued" | "close"
>;

export interface HostCollectionOptions {
  /** This host's name. */
  readonly host: string;
  readonly reader: HostReader;
  readonly intervalMs: number;
  /** Whose round trips are measured; none: none are. */
  readonly targets: readonly ProbedTarget[];
  /** Which of them may be connected to. Default: all. */
  readonly allowed?: AllowedTargets | undefined;
  readonly pingMs: number;
  /** For one handshake, the look-up of the name included. */
  readonly pingLimitMs: number;
  readonly clock: SuiteClock;
  /** Not started yet; closed with the collection. */
  readonly sender: SampleSink;
}

export class HostCollection {
  readonly #options: HostCollectionOptions;
  readonly #abort = new AbortController();
  readonly #tickers: Ticker[] = [];

  constructor(options: HostCollectionOptions) {
    this.#options = options;
    this.#tickers.push(this.#hostTicker(), ...options.targets.map((target) => this.#latencyTicker(target)));
  }

  /** From now on; resolves behind the first reading of everything. To be called once. */
  async start(): Promise<void> {
    this.#options.sender.start();
    await Promise.all(this.#tickers.map((ticker) => ticker.start()));
  }

  /** Reads everything once more, at a moment that matters; resolves behind it. */
  async readNow(): Promise<void> {
    await Promise.all(this.#tickers.map((ticker) => ticker.now()));
  }

  /** Reads everything a last time; resolves when all is committed, or after the deadline. */
  async stop(timeoutMs: number): Promise<void> {
    await Promise.all(this.#tickers.map((ticker) => ticker.stop()));
    await this.readNow();
    await this.#options.sender.drained(timeoutMs);
    this.close();
  }

  /** Ends at once. */
  close(): void {
    this.#abort.abort();
    for (const ticker of this.#tickers) ticker.stop().catch(() => {});
    this.#options.sender.close();
  }

  /** @returns number of its readings that wait to be committed */
  get queued(): number {
    return this.#options.sender.queued;
  }

  #hostTicker(): Ticker {
    const { reader, host, intervalMs, sender } = this.#options;
    const places = new Map<string, number>();
    let source: number | undefined;
    return new Ticker(intervalMs, async () => {
      const startNs = monotonicNs();
      const read = await reader.read();
      // Where there is no /proc there is no source either.
      if (read.length === 0 || this.#abort.signal.aborted) return;
      source ??= sender.declareSource("host", host);
      const values: number[] = [];
      for (const one of read) {
        const key = `${one.name} ${JSON.stringify(one.labels)}`;
        const place = places.get(key) ?? sender.declareSeries(source, seriesOf(one, host));
        places.set(key, place);
        values[place] = one.value;
      }
      sender.send({ source, ...this.#span(startNs, monotonicNs()), values: Array.from(values, (value) => value ?? Number.NaN) });
    });
  }

  #latencyTicker(target: ProbedTarget): Ticker {
    const { host, pingMs, pingLimitMs, sender } = this.#options;
    const probe = createLatencyProbe(target, pingLimitMs, this.#options.allowed);
    const source = sender.declareSource("latency", `${target.name} from ${host}`);
    sender.declareSeries(source, { ...latencySeries, subject: host, labels: { target: target.name } });
    return new Ticker(pingMs, async () => {
      const { startNs, endNs, reason } = await probe.probe(this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      const span = this.#span(startNs, endNs);
      sender.send(
        reason === undefined ? { source, ...span, values: [(endNs - startNs) / 1e6] } : { source, ...span, gap: reason },
      );
    });
  }

  #span(startNs: MonotonicNs, endNs: MonotonicNs) {
    const { clock } = this.#options;
    return { startNs: clock.toSuite(startNs), endNs: clock.toSuite(endNs) };
  }
}

const latencySeries = {
  name: "tcp_handshake",
  family: "tcp_handshake",
  type: "gauge",
  unit: "ms",
  help: "Until the target accepted a TCP connection.",
};

function seriesOf({ name, type, unit, help, labels }: HostValue, host: string): SentSeries {
  return { subject: host, name, family: name, type, unit, help, labels };
}
