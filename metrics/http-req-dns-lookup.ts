/** Resolving the name of the target; 0 where its connection was open or its host is an address. Name and formula: AIPerf, `http_req_dns_lookup`. */
import { dnsNs } from "./http-steps.ts";
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const httpReqDnsLookup: RecordMetric = {
  tag: "http_req_dns_lookup",
  header: "HTTP DNS Lookup",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["trace"],
  value: (facts) => milliseconds(dnsNs(facts)),
};
