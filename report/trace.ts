/** Which metrics the table of the requests' steps has (`--show-trace-timing`). Pure. */
import type { MetricStatistics } from "../gen/assay/records_manager/v1/record_pb.js";

const order: readonly string[] = [
  "http_req_blocked",
  "http_req_dns_lookup",
  "http_req_connecting",
  "http_req_sending",
  "http_req_waiting",
  "http_req_receiving",
  "http_req_connection_reused",
  "http_req_data_sent",
  "http_req_chunks_sent",
  "http_req_data_received",
  "http_req_chunks_received",
  "http_req_connection_overhead",
  "http_req_duration",
  "http_req_total",
];

/** Those that are steps of a request, each with its place in a table of their own, in AIPerf's order. */
export function stepMetrics(metrics: readonly MetricStatistics[]): MetricStatistics[] {
  return metrics.flatMap((metric) => {
    const consoleOrder = order.indexOf(metric.tag);
    return consoleOrder < 0 ? [] : [{ ...metric, consoleOrder }];
  });
}
