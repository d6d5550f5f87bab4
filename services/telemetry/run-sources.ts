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
}

export interface RunSources {
  readonly wanted: readonly WantedSource[];
  readonly intervalMs: number;
  readonly access: PageAccess;
  readonly customFields: readonly GpuField[];
}

export function sourcesOf({ telemetry, target }: RunSpec): RunSources {
  const { dcgmUrls = [], disableGpu = false, serverMetricsUrls = [], disableServerMetrics = false } = telemetry ?? {};
  const quiet = (kind: SourceKind) => (text: string) => ({ text, kind, isQuiet: true });
  const named = (kind: SourceKind) => (text: string) => ({ text, kind, isQuiet: false });
  const gpus = dcgmUrls.length > 0 ? dcgmUrls.map(named("dcgm")) : usualUrls.map(quiet("dcgm"));
  const usualPages = usualServerPages(target?.urls.map(({ url }) => url) ?? []).map(quiet("server"));
  const servers = [...serverMetricsUrls.map(named("server")), ...usualPages];
  return {
    wanted: [...(disableGpu ? [] : gpus), ...(disableServerMetrics ? [] : servers)],
    intervalMs: telemetry?.intervalMs ?? 1000,
    access: accessOf({ headers: telemetry?.headers ?? {}, tls: target?.tls }),
    customFields: readGpuFields(telemetry?.gpuMetricsCsv ?? ""),
  };
}

/** GPUs of a server's page would be of another kind of source, and the other way round. */
export function isMeant(wanted: SourceKind, found: SourceKind): boolean {
  return (wanted === "server") === (found === "server");
}
