/**
 * Round trip of the network: what `--network-latency-mean` says, or with `--network-latency-automatic` the mean TCP handshake of
 * the probes (`services/worker-manager/latency-probe.ts`) while the phase ran. Name: AIPerf, `network_rtt`.
 */
import type { RunMetric } from "./metric.ts";

export const networkRtt: RunMetric = {
  tag: "network_rtt",
  header: "Network RTT",
  unit: "ms",
  consoleOrder: 305,
  isLargerBetter: false,
  flags: ["no_record"],
  value: ({ networkRttMs }) => networkRttMs,
};
