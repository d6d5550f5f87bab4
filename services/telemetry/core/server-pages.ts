/** Where the servers under load usually have their metrics. */

/** Triton's port for metrics, whatever its ports for requests. */
const tritonMetricsPort = "8002";

/**
 * One page for each server among the URLs of targets, in their order: `/metrics` of what speaks HTTP, and port 8002 of hosts that are asked over
 * gRPC. A Unix socket has none.
 */
export function usualServerPages(targets: readonly string[]): string[] {
  return [...new Set(targets.flatMap((target) => pageOf(target) ?? []))];
}

function pageOf(target: string): string | undefined {
  const url = URL.parse(target);
  switch (url?.protocol) {
    case "http:":
    case "https:":
      return `${url.origin}/metrics`;
    case "grpc:":
    case "grpcs:":
      return url.hostname === "" ? undefined : `http://${url.hostname}:${tritonMetricsPort}/metrics`;
    default:
      return undefined;
  }
}
