/**
 * Where the metrics of the suite's processes are, as Prometheus' HTTP service discovery wants it: workers listen on ports that
 * nobody knows beforehand.
 */
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { metricsLabel } from "../common/observe/metrics-label.ts";
import { ANY_ROLE } from "../common/rpc/handler.ts";
import type { HttpPage } from "../common/rpc/http1.ts";
import type { MemberEntry } from "./members.ts";

export const scrapeTargetsPath = "/metrics/targets";

/** Members that serve metrics and can be spoken to; `all` gives those that are known. */
export function createScrapeTargets(all: () => readonly MemberEntry[]): HttpPage {
  return {
    name: `GET ${scrapeTargetsPath}`,
    roles: ANY_ROLE,
    isOpenOnLoopback: true,
    answer(_request, response) {
      const text = JSON.stringify(all().flatMap(targetOf));
      response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(text);
    },
  };
}

function targetOf({ member, stream }: MemberEntry) {
  if (stream === undefined || member.labels[metricsLabel] === undefined) return [];
  const services = member.services.map((service) => ServiceKind[service]?.toLowerCase().replaceAll("_", "-") ?? "").join(",");
  return [{ targets: [member.address], labels: { assay_member: member.memberId, assay_services: services } }];
}
