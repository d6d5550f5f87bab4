/** Telemetry as a module of its process. */
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import { Collections, type CollectionsDeps } from "./collections.ts";
import { type DiscoveredSource, discoverSource } from "./discovery.ts";
import { telemetryInstruments } from "./instruments.ts";
import { createTelemetryService, type DiscoveryWanted } from "./service.ts";
import { createPageFetcher } from "./sources/http.ts";
import { openSource } from "./sources/open-source.ts";

export type TelemetryDeps = CollectionsDeps;

const done = { case: undefined } as const;

export function createTelemetryModule(deps: TelemetryDeps): ServiceModule {
  const collections = new Collections(deps);

  const discover = async (
    { urls, timeoutMs, watchMs, access }: DiscoveryWanted,
    signal: AbortSignal,
  ): Promise<DiscoveredSource[]> => {
    const limits = { ...deps.pageLimits, deadlineMs: timeoutMs };
    const asking = createPageFetcher(limits, access, deps.allowed);
    const options = { watchMs, wallMs: Date.now, signal };
    try {
      // So that the first answer's time is the source's own.
      await asking.load();
      const sources = urls.map((url) => openSource(url, { fetcher: asking, deadlineMs: timeoutMs }));
      return await Promise.all(sources.map((source) => discoverSource(source, options)));
    } finally {
      await asking.close();
    }
  };

  return {
    name: "telemetry",
    implementations: [createTelemetryService({ collections, discover })],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure":
          if (action.value.spec !== undefined) await collections.configure(runId, action.value.spec, signal);
          return done;
        case "startPhase":
          collections.find(runId)?.phaseStarts();
          return done;
        case "endPhase":
          collections.find(runId)?.phaseEnds();
          return done;
        case "endCollection":
        case "finish":
          await collections.stop(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: () => collections.closeAll(),
    counters: () => ({ collections: collections.size, sample_queue: collections.queued }),
    families: () => {
      const { size, queued, counts } = collections;
      return familiesOf(telemetryInstruments, {
        assay_telemetry_collections: size,
        assay_telemetry_scrapes_total: [
          { labels: { outcome: "samples" }, value: counts.scrapes },
          { labels: { outcome: "failure" }, value: counts.failures },
        ],
        assay_telemetry_samples_total: counts.samples,
        assay_telemetry_queued_batches: queued,
        assay_telemetry_lost_batches_total: counts.lostBatches,
      });
    },
    stop: async () => collections.closeAll(),
  };
}
