/** What is scraped for a run: sources that its spec names, and those that are tried quietly. */
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { readGpuFields } from "./core/gpu-fields-file.ts";
import { usualServerPages } from "./core/server-pages.ts";
import type { GpuField } from "./core/sources/dcgm-fields.ts";
import type { SourceKind } from "./core/sources/series.ts";
import { accessOf } from "./sources/access.ts";
import type { PageAccess } from "./sources/http.ts";

/** Tried quietly where nothing is named: dcgm-exporter's own port, and the one that it has beside Dynamo. */
export const usualUrls: readonly string[] = ["http://localhost:9400/metrics", "http://localhost:9401/metrics"];

export interface WantedSource {
  /** As `openSource` takes it. */
  readonly text: string;
  /** What it is meant to be. */
  readonly kind: SourceKind;
  /** Scraped only where it is there and is what is meant. */
  readonly isQuiet: boolean;
  /** The same object for all that are asked alike. */
  readonly access: PageAccess;
}

export interface RunSources {
  readonly wanted: readonly WantedSource[];
  readonly intervalMs: number;
  readonly customFields: readonly GpuField[];
}

/** Pages that are named are asked with the telemetry's own TLS, those beside a target as the target is. */
export function sourcesOf({ telemetry, target }: RunSpec): RunSources {
  const { dcgmUrls = [], disableGpu = false, serverMetricsUrls = [], disableServerMetrics = false } = telemetry ?? {};
  const headers = telemetry?.headers ?? {};
  const ofTarget = accessOf({ headers, tls: target?.tls });
  const own = telemetry?.tls === undefined ? ofTarget : accessOf({ headers, tls: telemetry.tls });
  const quiet = (kind: SourceKind, access: PageAccess) => (text: string) => ({ text, kind, isQuiet: true, access });
  const named = (kind: SourceKind) => (text: string) => ({ text, kind, isQuiet: false, access: own });
  const gpus = dcgmUrls.length > 0 ? dcgmUrls.map(named("dcgm")) : usualUrls.map(quiet("dcgm", own));
  const usualPages = usualServerPages(target?.urls.map(({ url }) => url) ?? []).map(quiet("server", ofTarget));
  const servers = [...serverMetricsUrls.map(named("server")), ...usualPages];
  return {
    wanted: [...(disableGpu ? [] : gpus), ...(disableServerMetrics ? [] : servers)],
    intervalMs: telemetry?.intervalMs ?? 1000,
    customFields: readGpuFields(telemetry?.gpuMetricsCsv ?? ""),
  };
}

/** GPUs of a server's page would be of another kind of source, and the other way round. */
export function isMeant(wanted: SourceKind, found: SourceKind): boolean {
  return (wanted === "server") === (found === "server");
}
