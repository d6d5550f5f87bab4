/** RPCs of the records-manager. */

import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import {
  IngestRecordsRequestSchema,
  RecordsManagerService,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { askedMs } from "../common/asked-ms.ts";
import { isBatch } from "../common/batch-wire.ts";
import { AssayError } from "../common/errors.ts";
import { MetricBatchReader } from "../common/metric-batch.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import { readMessage } from "../common/wire.ts";
import { chosenMetrics, chosenStatistics, groupsResponseOf } from "./groups-wire.ts";
import { KeptSummaries } from "./kept-summaries.ts";
import { type CpuMemory, observationsOf } from "./observations.ts";
import type { QueryClient } from "./query-client.ts";
import { columnsOf, partsOfRows, recordMessages } from "./record-wire.ts";
import type { RecordsRun } from "./records-run.ts";
import { streamRecords } from "./records-stream.ts";
import { ScrapeStream } from "./scrape-stream.ts";
import { livePhaseOf, summaryResponseOf } from "./summary-wire.ts";
import { timelineOf } from "./timeline-wire.ts";
import { wantedFiles } from "./wanted-files.ts";

export interface RecordsManagerServiceDeps {
  /** The run that is written here; undefined: none of that id. */
  runOf(runId: string): RecordsRun | undefined;
  /** Folder of a run, running or ended. Throws `not_found`. */
  folderOf(runId: string): Promise<string>;
  /** Name and kind of a phase of a run that is written here. */
  phaseOf(runId: string, phase: number): { readonly name: string; readonly kind: PhaseKind };
  readonly queries: QueryClient;
}

/** Records come as bytes and are read by hand. */
const codecs = { ingestRecords: { requestDeserialize: (bytes: Buffer) => bytes } };

const exportChunkBytes = 256 * 1024;
const defaultBucketMs = 1000;
const defaultPageSize = 100;
/** The loop that stores records makes the messages, some 10 µs a record, 40 as JSON: a page holds it for 10 ms at the most. */
const maxPageSize = 250;
const defaultIntervalMs = 1000;
const leastIntervalMs = 100;

export function createRecordsManagerService(deps: RecordsManagerServiceDeps): Implementation {
  const { runOf, folderOf, queries } = deps;
  const summaries = new KeptSummaries(queries);
  const find = (runId: string, shard: number): RecordsRun => {
    const run = runOf(runId);
    // Members may be configured in any order: they dial again. So they do where the directory that they know is an old one.
    if (run === undefined) throw new AssayError("unavailable", `run ${runId} is not configured at the records-manager`);
    if (run.shard === shard) return run;
    throw new AssayError("unavailable", `shard ${shard} of run ${runId} is not written here, but shard ${run.shard}`);
  };

  return implement(RecordsManagerService, {
    role: ["viewer", "member"],
    roles: { ingestRecords: "member", ingestSamples: "member" },
    codecs,
    handlers: {
      ingestRecords: {
        onStream(stream) {
          stream.onMessage((bytes) => {
            const { message: first } = readMessage(IngestRecordsRequestSchema, bytes);
            if (first.case !== "hello") throw new AssayError("invalid_argument", "a records stream must begin with hello");
            const hello = first.value;
            checkVersion(hello.protocolVersion);
            checkTags(hello.tags);
            const run = find(hello.runId, hello.shard);
            const id = run.addStream({
              ack: (seq, { duplicate, late }) =>
                stream.send({ ackedSeq: BigInt(seq), duplicates: BigInt(duplicate), late: BigInt(late) }),
              fail: (error) => stream.fail(error),
            });
            stream.onClose(() => run.removeStream(id));
            const reader = new MetricBatchReader();
            stream.onMessage((batch) => {
              if (!isBatch(batch)) throw new AssayError("invalid_argument", "only batches may follow a hello");
              const { seq, records } = reader.read(batch);
              run.ingest(id, seq, records);
            });
            stream.send({ ackedSeq: 0n });
          });
        },
      },
      ingestSamples: {
        onStream(stream) {
          stream.onMessage(({ message: first }) => {
            if (first.case !== "hello") throw new AssayError("invalid_argument", "a samples stream must begin with hello");
            checkVersion(first.value.protocolVersion);
            const { runId, memberId } = first.value;
            if (memberId === "") throw new AssayError("invalid_argument", "hello: member_id must say who sends");
            const run = find(runId, 0);
            const memory: CpuMemory = new Map();
            const scrapes = new ScrapeStream();
            stream.onMessage(({ message }) => {
              if (message.case !== "batch")
                throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
              const { seq } = message.value;
              run.addObservations({ memberId, seq: Number(seq) }, observationsOf(message.value, memory, scrapes), () =>
                stream.send({ ackedSeq: seq }),
              );
            });
            stream.send({ ackedSeq: 0n });
          });
        },
      },
      queryRecords: async (request, { signal }) => {
        if (request.pageSize < 0)
          throw new AssayError("invalid_argument", `page_size: must be at least 0, got ${request.pageSize}`);
        const columns = columnsOf(request.fields?.paths);
        const page = await queries.ask(
          "records",
          {
            folder: await folderOf(request.runId),
            fields: columns,
            pageSize: request.pageSize === 0 ? defaultPageSize : Math.min(request.pageSize, maxPageSize),
            ...(request.phase === "" ? {} : { phase: request.phase }),
            ...(request.filter.trim() === "" ? {} : { filter: request.filter }),
            ...(request.orderBy.trim() === "" ? {} : { orderBy: request.orderBy }),
            ...(request.pageToken === "" ? {} : { pageToken: request.pageToken }),
          },
          signal,
        );
        const { tags, messageOf } = recordMessages(columns);
        return { records: page.rows.map(messageOf), nextPageToken: page.nextPageToken ?? "", tags };
      },
      async *streamRecords({ runId, phase, filter, fields, orderBy, limit }, { signal }) {
        const columns = columnsOf(fields?.paths);
        const { tags, messageOf } = recordMessages(columns);
        const rows = streamRecords(
          queries,
          {
            folder: await folderOf(runId),
            fields: columns,
            ...(phase === "" ? {} : { phase }),
            ...(filter.trim() === "" ? {} : { filter }),
            ...(orderBy.trim() === "" ? {} : { orderBy }),
            ...(limit === 0n ? {} : { limit: Number(limit) }),
          },
          signal,
        );
        for await (const page of rows) for (const part of partsOfRows(page)) yield { records: part.map(messageOf), tags };
      },
      summarizeRecords: async (request, { signal }) => {
        const { runId, phase, definitions, withIntervals, filter, groupBy, metrics } = request;
        const folder = await folderOf(runId);
        const database = join(folder, "run.db");
        const choose = chosenStatistics(request.statistics);
        if (filter.trim() !== "" || groupBy.length > 0) {
          if (definitions.length > 0)
            throw new AssayError(
              "invalid_argument",
              "definitions: are of whole phases, not of groups; leave them, or filter and group_by, out",
            );
          const inPhase = phase === "" ? {} : { phase };
          const passing = filter.trim() === "" ? {} : { filter };
          const query = { folder, groupBy, metrics, withIntervals, ...inPhase, ...passing };
          return groupsResponseOf(await queries.ask("groups", query, signal), { runId, database, choose });
        }
        const told = chosenMetrics(metrics, choose);
        const inPhases = phase === "" ? {} : { phases: [phase] };
        const summary = await summaries.ask({ folder, withIntervals, ...inPhases }, signal);
        const defined = definitions.length === 0 ? [] : await queries.ask("definitions", { folder, definitions }, signal);
        return summaryResponseOf(summary, { database, definitions: defined, told });
      },
      getTimeline: async ({ runId, bucketMs, phase, workerId, host, filter, series }, { signal }) =>
        timelineOf(
          await queries.ask(
            "timeline",
            {
              folder: await folderOf(runId),
              bucketMs: bucketMs === 0 ? defaultBucketMs : bucketMs,
              ...(phase === "" ? {} : { phase }),
              ...(workerId === "" ? {} : { workerId }),
              ...(host === "" ? {} : { host }),
              ...(filter.trim() === "" ? {} : { filter }),
              series,
            },
            signal,
          ),
        ),
      async *exportRun({ runId, files, formats, cliCommand }, { signal }) {
        const folder = await folderOf(runId);
        const offered = await queries.ask("exportFiles", { folder }, signal);
        const wanted = wantedFiles(offered, files, formats);
        if (runOf(runId) !== undefined) throw new AssayError("failed_precondition", `run ${runId} has not ended`);
        const names = wanted.flatMap(({ exporter }) => exporter ?? []);
        await queries.ask("export", { folder, names, ...(cliCommand === "" ? {} : { cliCommand }) }, signal);
        for (const { file } of wanted) yield* partsOf(folder, file, signal);
      },
      async *watchSummary({ runId, intervalMs }, { signal }) {
        const everyMs = askedMs(intervalMs, defaultIntervalMs, leastIntervalMs);
        // Of a run that has ended nothing is live; one that has no folder yet is unknown here, whoever asks for it.
        if (runOf(runId) === undefined) await folderOf(runId);
        for (let run = runOf(runId); run !== undefined; run = runOf(runId)) {
          if (run.shard > 0)
            throw new AssayError("failed_precondition", `shard ${run.shard} is written here: shard 0 tells of all`);
          const { committed, queued } = run.progress();
          const live = run.liveFigures().at(-1);
          const phase = live === undefined ? undefined : deps.phaseOf(runId, live.phase);
          yield {
            committed: BigInt(committed),
            queued: BigInt(queued),
            ...(live === undefined || phase === undefined ? {} : { phase: livePhaseOf(live, phase.name, phase.kind) }),
          };
          await delay(everyMs, undefined, { signal });
        }
      },
    },
  });
}

async function* partsOf(folder: string, file: string, signal: AbortSignal) {
  const path = join(folder, file);
  if (!existsSync(path)) throw new AssayError("not_found", `the run has no ${file}`);
  const bytes = createReadStream(path, { highWaterMark: exportChunkBytes, signal });
  for await (const data of bytes) yield { file, data: data as Buffer };
  yield { file, isLast: true };
}

function checkVersion(version: number): void {
  if (version !== protocolVersion) {
    throw new AssayError("failed_precondition", `protocol version ${version} of the sender, ${protocolVersion} here`);
  }
}

/** Values travel by position: both ends must have the same catalog. */
function checkTags(tags: readonly string[]): void {
  const wrong = recordMetrics.findIndex(({ tag }, index) => tags[index] !== tag);
  if (wrong < 0 && tags.length === recordMetrics.length) return;
  throw new AssayError(
    "failed_precondition",
    `metric ${Math.max(0, wrong)} is ${tags[wrong] ?? "none"} at the sender, ${recordMetrics[wrong]?.tag ?? "none"} here`,
  );
}
