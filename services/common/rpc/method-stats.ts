/** What a server counts of each method. Plain numbers, kept whether anybody reads them or not. */
import type { ErrorCode } from "../errors.ts";
import { defineInstruments, familiesOf, Histogram } from "../observe/counting.ts";
import type { Family, Labelled } from "../observe/instrument.ts";

export const rpcInstruments = defineInstruments({
  assay_rpc_started_calls_total: {
    kind: "counter",
    unit: "{call}",
    help: "Calls that came in, those refused included",
    labels: ["service", "method"],
  },
  assay_rpc_handled_calls_total: {
    kind: "counter",
    unit: "{call}",
    help: "Calls that have ended, by code: ok or an error code",
    labels: ["service", "method", "code"],
  },
  assay_rpc_handling_seconds: {
    kind: "histogram",
    unit: "s",
    help: "From the start of a call to its end; for streams that is their life",
    labels: ["service", "method"],
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
  },
  assay_rpc_open_streams: {
    kind: "gauge",
    unit: "{stream}",
    help: "Calls under way that stream in at least one direction",
    labels: ["service", "method"],
  },
  assay_rpc_received_messages_total: {
    kind: "counter",
    unit: "{message}",
    help: "Messages received from callers",
    labels: ["service", "method"],
  },
  assay_rpc_sent_messages_total: {
    kind: "counter",
    unit: "{message}",
    help: "Messages sent to callers",
    labels: ["service", "method"],
  },
});

/** Counts of one method since the server was made. */
export class MethodStats {
  readonly labels: { readonly service: string; readonly method: string };
  started = 0;
  openStreams = 0;
  received = 0;
  sent = 0;
  readonly #ended = new Map<ErrorCode | "ok", number>();
  readonly #seconds = new Histogram(rpcInstruments.assay_rpc_handling_seconds.bounds);

  constructor(service: string, method: string) {
    this.labels = { service, method };
  }

  ended(code: ErrorCode | "ok", seconds: number): void {
    this.#ended.set(code, (this.#ended.get(code) ?? 0) + 1);
    this.#seconds.observe(seconds);
  }

  get codes(): ReadonlyMap<ErrorCode | "ok", number> {
    return this.#ended;
  }

  get seconds(): Histogram {
    return this.#seconds;
  }
}

/** Of the methods that were called at least once: most never are. */
export function rpcFamilies(all: Iterable<MethodStats>): Family[] {
  const methods = [...all].filter(({ started }) => started > 0);
  const each = <Value>(read: (method: MethodStats) => Value, of = methods): Labelled<"service" | "method", Value>[] =>
    of.map((method) => ({ labels: method.labels, value: read(method) }));
  return familiesOf(rpcInstruments, {
    assay_rpc_started_calls_total: each(({ started }) => started),
    assay_rpc_handled_calls_total: methods.flatMap(({ labels, codes }) =>
      [...codes].map(([code, value]) => ({ labels: { ...labels, code }, value })),
    ),
    assay_rpc_handling_seconds: each(
      ({ seconds }) => seconds.distribution,
      methods.filter(({ codes }) => codes.size > 0),
    ),
    assay_rpc_open_streams: each(({ openStreams }) => openStreams),
    assay_rpc_received_messages_total: each(({ received }) => received),
    assay_rpc_sent_messages_total: each(({ sent }) => sent),
  });
}
