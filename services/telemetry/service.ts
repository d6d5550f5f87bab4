/** RPCs of telemetry. */
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import { TelemetryService } from "../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { askedMs } from "../common/asked-ms.ts";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import type { Collections } from "./collections.ts";
import type { DiscoveredSource } from "./discovery.ts";
import { usualUrls } from "./run-sources.ts";
import type { SourceReport } from "./scraper.ts";
import { accessOf } from "./sources/access.ts";
import type { PageAccess } from "./sources/http.ts";

/** What is to be looked at, and how. */
export interface DiscoveryWanted {
  readonly urls: readonly string[];
  /** For each answer. */
  readonly timeoutMs: number;
  readonly watchMs: number;
  readonly access: PageAccess;
}

export interface TelemetryServiceDeps {
  readonly collections: Pick<Collections, "find" | "start" | "stop" | "size">;
  discover(wanted: DiscoveryWanted, signal: AbortSignal): Promise<DiscoveredSource[]>;
}

const defaultTimeoutMs = 1000;
const longestWatchMs = 60_000;
const defaultIntervalMs = 1000;
const leastIntervalMs = 50;
const keptForWatcher = 64;
/** Of one call: all of them are asked at once. */
const mostUrls = 1024;
/** Of those that are started by call; a run that is configured has its own whatever there are. */
const mostCollections = 32;

export function createTelemetryService({ collections, discover }: TelemetryServiceDeps): Implementation {
  return implement(TelemetryService, {
    role: "operator",
    roles: { watchSamples: "viewer" },
    handlers: {
      discoverSources: async ({ urls, timeoutMs, watchMs, headers, tls }, { signal }) => {
        checkCount(urls);
        if (watchMs > longestWatchMs)
          throw new AssayError("invalid_argument", `watch_ms: must be at most ${longestWatchMs}, got ${watchMs}`);
        const wanted = {
          urls: urls.length === 0 ? usualUrls : urls,
          timeoutMs: askedMs(timeoutMs, defaultTimeoutMs),
          watchMs,
          access: accessOf({ headers, tls }),
        };
        return { sources: (await discover(wanted, signal)).map(wireDiscovered) };
      },
      startCollection: async ({ runId, urls, intervalMs }, { signal }) => {
        checkCount(urls);
        if (collections.find(runId) !== undefined) throw new AssayError("already_exists", `run ${runId} is being collected for`);
        const everyMs = askedMs(intervalMs, defaultIntervalMs);
        if (everyMs < leastIntervalMs)
          throw new AssayError("invalid_argument", `interval_ms: must be at least ${leastIntervalMs}, got ${everyMs}`);
        if (collections.size >= mostCollections) {
          throw new AssayError(
            "resource_exhausted",
            `${collections.size} runs are being collected for, at most ${mostCollections} may be`,
          );
        }
        return {
          sources: (await collections.start(runId, urls.length === 0 ? usualUrls : urls, everyMs, signal)).map(wireSourceOf),
        };
      },
      stopCollection: async ({ runId }) => {
        if (collections.find(runId) === undefined) throw new AssayError("not_found", `nothing is collected for run ${runId}`);
        const { samples, gaps } = await collections.stop(runId);
        return { samples: BigInt(samples), gaps: BigInt(gaps) };
      },
      async *watchSamples({ runId }, { signal }) {
        const collection = collections.find(runId);
        if (collection === undefined) throw new AssayError("not_found", `nothing is collected for run ${runId}`);
        const waiting: (readonly Sample[])[] = [];
        let wake = Promise.withResolvers<void>();
        const unwatch = collection.watch({
          onSamples(samples) {
            // A watcher that does not keep up sees the newest.
            if (waiting.push(samples) > keptForWatcher) waiting.shift();
            wake.resolve();
          },
          onEnd: () => wake.resolve(),
        });
        signal.addEventListener("abort", () => wake.resolve(), { once: true });
        try {
          while (!signal.aborted) {
            for (let samples = waiting.shift(); samples !== undefined; samples = waiting.shift()) yield { samples: [...samples] };
            if (collection.isOver) return;
            await wake.promise;
            wake = Promise.withResolvers<void>();
          }
        } finally {
          unwatch();
        }
      },
    },
  });
}

function checkCount(urls: readonly string[]): void {
  if (urls.length > mostUrls) throw new AssayError("invalid_argument", `urls: at most ${mostUrls} pages, got ${urls.length}`);
}

function wireSourceOf({ url, kind, isPresent, reason, subjects }: SourceReport) {
  return { url, kind: kind ?? "", isPresent, reason: reason ?? "", subjects: [...subjects] };
}

function wireDiscovered({ name, scrapeNs, sizeBytes, ageNs, fields, ...source }: DiscoveredSource) {
  return {
    url: name,
    kind: source.kind,
    isPresent: source.isPresent,
    reason: source.reason ?? "",
    subjects: [...source.subjects],
    sizeBytes: BigInt(sizeBytes),
    scrapeNs: BigInt(Math.round(scrapeNs)),
    ...(ageNs === undefined ? {} : { ageNs: BigInt(Math.round(ageNs)) }),
    isAgeAtLeast: source.isAgeAtLeast,
    fields: [...fields],
  };
}
