/** What is collected for which run: one collection a run, with the pages that it asks. */

import { setTimeout as delay } from "node:timers/promises";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import { messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import { createClient } from "../common/rpc/client.ts";
import { Collection } from "./collection.ts";
import type { GpuField } from "./core/sources/dcgm-fields.ts";
import type { SourceKind } from "./core/sources/series.ts";
import type { ScrapeCounts } from "./instruments.ts";
import { isMeant, sourcesOf, type WantedSource } from "./run-sources.ts";
import type { SourceReport } from "./scraper.ts";
import { createPageFetcher, type PageAccess, type PageFetcher, type PageLimits } from "./sources/http.ts";
import { openSource } from "./sources/open-source.ts";
import type { Source } from "./sources/source.ts";

export interface CollectionsDeps {
  /** This process's id at the controller. */
  id(): string;
  readonly log: Logger;
  readonly clock: SuiteClock;
  readonly addresses: Addresses;
  /** Limits of one scrape. */
  readonly pageLimits: PageLimits;
  /** Whose pages may be read. Default: anybody's. */
  readonly allowed?: AllowedTargets | undefined;
}

const stopTimeoutMs = 3_000;
const quietMs = 250;

interface OpenedCollection {
  readonly collection: Collection;
  /** Connections are shared by the pages of one access. */
  readonly fetchers: Map<PageAccess, PageFetcher>;
  source(wanted: Pick<WantedSource, "text" | "access">): Source;
}

export class Collections {
  /** Of all runs since the start. */
  readonly counts: ScrapeCounts = { scrapes: 0, failures: 0, samples: 0, lostBatches: 0 };
  readonly #deps: CollectionsDeps;
  readonly #byRun = new Map<string, OpenedCollection>();
  #seq = 0n;
  #opening = 0;

  constructor(deps: CollectionsDeps) {
    this.#deps = deps;
  }

  /** Those included that are about to begin. */
  get size(): number {
    return this.#byRun.size + this.#opening;
  }

  /** Batches that wait for the records-manager. */
  get queued(): number {
    return [...this.#byRun.values()].reduce((sum, { collection }) => sum + collection.queued, 0);
  }

  find(runId: string): Collection | undefined {
    return this.#byRun.get(runId)?.collection;
  }

  /** Behind the first scrape of what the run names; what is tried quietly is waited for a moment only, and added whenever it is there. */
  async configure(runId: string, spec: RunSpec, signal: AbortSignal): Promise<void> {
    const { wanted, intervalMs, customFields } = sourcesOf(spec);
    if (wanted.length === 0) return;
    const { collection, source } = await this.#open(runId, { intervalMs, customFields }, signal);
    const opened = wanted.map((each) => ({ ...each, source: source(each) }));
    const named = opened.filter(({ isQuiet }) => !isQuiet);
    const names = new Set(named.map((each) => each.source.name));
    const quiet = opened.filter((each) => each.isQuiet && !names.has(each.source.name));
    const tried = quiet.map((each) => tryQuietly(collection, each.source, each.kind));
    const added = named.map((each) => this.#addNamed(runId, collection, each));
    const pause = new AbortController();
    const tired = delay(quietMs, undefined, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => {});
    await Promise.all([Promise.race([Promise.all(tried), tired]), ...added]);
    pause.abort();
  }

  /** Scrapes these pages as those of GPUs, asked without anything secret. */
  async start(runId: string, urls: readonly string[], intervalMs: number, signal: AbortSignal): Promise<SourceReport[]> {
    const { collection, source } = await this.#open(runId, { intervalMs, customFields: [] }, signal);
    const access = {};
    return Promise.all(urls.map((text) => collection.add(source({ text, access }), "dcgm")));
  }

  async stop(runId: string): Promise<{ readonly samples: number; readonly gaps: number }> {
    const opened = this.#byRun.get(runId);
    if (opened === undefined) return { samples: 0, gaps: 0 };
    const totals = await opened.collection.stop(stopTimeoutMs);
    // Not before: what still waits for the records-manager is closed with all others.
    if (this.#byRun.get(runId) === opened) this.#byRun.delete(runId);
    await Promise.all([...opened.fetchers.values()].map((fetcher) => fetcher.close()));
    return totals;
  }

  closeAll(): void {
    for (const runId of [...this.#byRun.keys()]) this.#close(runId);
  }

  async #open(
    runId: string,
    { intervalMs, customFields }: { readonly intervalMs: number; readonly customFields: readonly GpuField[] },
    signal: AbortSignal,
  ): Promise<OpenedCollection> {
    this.#close(runId);
    const { id, clock, log, addresses, pageLimits, allowed } = this.#deps;
    this.#opening++;
    const route = await addresses.routeTo("records-manager", signal).finally(() => this.#opening--);
    const collection = new Collection({
      ...{ runId, memberId: id(), intervalMs, clock, log, counts: this.counts },
      nextSeq: () => ++this.#seq,
      dial: () => createClient(RecordsManagerService, route()).ingestSamples(),
    });
    const fetchers = new Map<PageAccess, PageFetcher>();
    const opened: OpenedCollection = {
      collection,
      fetchers,
      source: ({ text, access }) => {
        const fetcher = fetchers.get(access) ?? createPageFetcher(pageLimits, access, allowed);
        fetchers.set(access, fetcher);
        return openSource(text, { fetcher, customFields, deadlineMs: pageLimits.deadlineMs });
      },
    };
    this.#byRun.set(runId, opened);
    return opened;
  }

  async #addNamed(runId: string, collection: Collection, { source, kind }: { source: Source; kind: SourceKind }): Promise<void> {
    const { log } = this.#deps;
    const { url, kind: found, isPresent, reason } = await collection.add(source, kind);
    if (!isPresent) log.warn("a telemetry source does not answer; it is tried again", { run_id: runId, url, reason });
    else if (found !== undefined && !isMeant(kind, found))
      log.warn(`a page of ${found} metrics was meant to be of ${kind}`, { run_id: runId, url });
  }

  #close(runId: string): void {
    const opened = this.#byRun.get(runId);
    this.#byRun.delete(runId);
    opened?.collection.close();
    for (const fetcher of opened?.fetchers.values() ?? []) {
      fetcher.close().catch((error: unknown) => this.#deps.log.debug("connections did not close", { error: messageOf(error) }));
    }
  }
}

/** Nothing becomes of what is not there, or is something else than it was tried for. */
async function tryQuietly(collection: Collection, source: Source, kind: SourceKind): Promise<void> {
  const answer = await source.read(collection.signal);
  if (answer.kind === "reading" && isMeant(kind, answer.reading.kind)) await collection.add(source, kind);
}
