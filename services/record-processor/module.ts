/** The record-processor as a module of its process: the runs that are configured here. */

import { setTimeout as delay } from "node:timers/promises";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { isJsonObject, parseJson, textOf } from "../../endpoints/json-body.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { loadCompiler } from "../common/checks/compile.ts";
import { checkKindNamed, type Expectation } from "../common/checks/expectation.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf, RunTotals } from "../common/observe/counting.ts";
import { createClient } from "../common/rpc/client.ts";
import type { TemplateMessage } from "../common/tokenizer/chat-template.ts";
import { loadChatCounter, loadTokenizer } from "../common/tokenizer/load.ts";
import { rememberingCounter } from "../common/tokenizer/remembering.ts";
import { expectedTokenizer, type TokenCounter, tokenizerSource } from "../common/tokenizer/source.ts";
import { within } from "../common/within.ts";
import { AnswerChecker } from "./core/answer-checker.ts";
import type { Counters } from "./core/measurer.ts";
import { recordProcessorInstruments } from "./instruments.ts";
import { ingestCodecs, ProcessorRun } from "./processor-run.ts";
import { createRecordProcessorService } from "./service.ts";

export interface RecordProcessorDeps {
  /** This process's id at the controller. */
  id(): string;
  readonly log: Logger;
  readonly addresses: Addresses;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
}

const done = { case: undefined } as const;
/** Above what the other members take to hear of a new controller. */
const rejoinMs = 1_000;
/** Above what workers take to bring what they have. */
const silenceMs = 8_000;

export function createRecordProcessorModule({ id, log, addresses, endpoints }: RecordProcessorDeps): ServiceModule {
  /** By run: its shards. */
  const runs = new Map<string, readonly ProcessorRun[]>();
  const totals = new RunTotals(["records", "faults", "failed", "streams", "queued"]);

  const close = (runId: string): void => {
    for (const run of runs.get(runId) ?? []) {
      totals.ended({ ...run.stats, streams: 0, queued: 0 });
      run.close();
    }
    runs.delete(runId);
  };

  const closeAll = (): void => {
    for (const runId of [...runs.keys()]) close(runId);
  };

  /** A run that lost its controller: its workers may still bring something. */
  const abandon = async (runId: string, shards: readonly ProcessorRun[]): Promise<void> => {
    await delay(rejoinMs);
    const late = AbortSignal.timeout(silenceMs);
    await Promise.all(shards.map((run) => run.silence(late)));
    if (runs.get(runId) === shards) close(runId);
  };

  return {
    name: "record-processor",
    implementations: [createRecordProcessorService((runId, shard) => runs.get(runId)?.[shard], id, endpoints)],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure": {
          const { spec, dataset } = action.value;
          if (spec === undefined) throw new AssayError("invalid_argument", "a record-processor needs a spec");
          const shards = Array.from({ length: spec.recordManagers ?? 1 }, (_, shard) => shard);
          const [routes, counters, checker] = await Promise.all([
            Promise.all(shards.map((shard) => addresses.routeTo("records-manager", signal, { shard }))),
            within(signal, countersOf(spec), "the tokenizer"),
            checkerOf(spec, dataset?.checks ?? []),
          ]);
          close(runId);
          const made = routes.map((route, shard) => {
            const dial = () => createClient(RecordsManagerService, route(), ingestCodecs).ingestRecords();
            return new ProcessorRun({ runId, memberId: id(), shard, spec, counters, checker, endpoints, log, dial });
          });
          runs.set(runId, made);
          await within(signal, Promise.all(made.map(({ ready }) => ready)), "the records-manager");
          return done;
        }
        case "finish":
          close(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged() {
      for (const [runId, shards] of runs) {
        abandon(runId, shards).catch((error: unknown) => log.error("a run could not be closed", { run_id: runId, error }));
      }
    },
    counters() {
      const all = [...runs.values()].flat().map((run) => run.stats);
      const sum = (pick: (stats: ProcessorRun["stats"]) => number): number =>
        all.reduce((total, stats) => total + pick(stats), 0);
      return { processed: sum((s) => s.records), faults: sum((s) => s.faults), forward_queue: sum((s) => s.queued) };
    },
    families() {
      const sums = totals.with([...runs.values()].flat().map(({ stats }) => stats));
      return familiesOf(recordProcessorInstruments, {
        assay_record_processor_worker_streams: sums.streams,
        assay_record_processor_processed_records_total: sums.records,
        assay_record_processor_parse_faults_total: sums.faults,
        assay_record_processor_failed_records_total: sums.failed,
        assay_record_processor_queued_messages: sums.queued,
      });
    },
    stop: async () => closeAll(),
  };
}

/** Undefined where lengths are the server's usage alone. A tokenizer that is a file is loaded now: it may be missing on this host. */
async function countersOf({ endpoint, tokenizer }: RunSpec): Promise<Counters> {
  if (endpoint?.useServerTokenCount === true) return { countTokens: undefined };
  const name = tokenizer?.name ?? "";
  const source = tokenizerSource(name, tokenizer?.revision);
  if (source === undefined) throw new AssayError("invalid_argument", `tokenizer.name: must be ${expectedTokenizer}, got ${name}`);
  const count = await loadTokenizer(source);
  const countTokens = count && rememberingCounter(count, rememberedChars);
  if (tokenizer?.applyChatTemplate !== true || countTokens === undefined) return { countTokens };
  const countChat = await loadChatCounter(source);
  const countInput: TokenCounter = (text) => {
    const messages = messagesIn(text);
    return countChat === undefined ? countTokens(messages.map(({ content }) => content).join("\n")) : countChat(messages);
  };
  return { countTokens, countInput: rememberingCounter(countInput, rememberedChars) };
}

/** Undefined where no answer is checked. @param asked kinds of checks that turns of the dataset ask for */
async function checkerOf({ dataset }: RunSpec, asked: readonly string[]): Promise<AnswerChecker | undefined> {
  const { kind = "", value = "" } = dataset?.check ?? {};
  const check = checkKindNamed(kind);
  const common: Expectation | undefined = check === undefined || value === "" ? undefined : { check, values: [value] };
  const kinds = new Set(
    [...asked, ...(common === undefined ? [] : [common.check])].flatMap((name) => checkKindNamed(name) ?? []),
  );
  return kinds.size === 0 ? undefined : new AnswerChecker(await loadCompiler(kinds), common);
}

/** As workers write what is counted in a template. */
function messagesIn(text: string): readonly TemplateMessage[] {
  const messages = parseJson(text);
  if (!Array.isArray(messages))
    throw new AssayError("data_loss", "an input to be counted in a chat template is no list of messages");
  return messages.map((message: unknown) => {
    const { role, content } = isJsonObject(message) ? message : {};
    return { role: textOf(role) ?? "user", content: textOf(content) ?? "" };
  });
}

/** Prompts are used again and again; answers seldom are, and push out the oldest. */
const rememberedChars = 16 << 20;
