/** The members of a suite that one request needs: a worker, a record-processor, and for a synthetic prompt the dataset service. */
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { Member } from "../../gen/assay/controller/v1/controller_pb.js";
import { SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import {
  type ParseResponseRequestSchema,
  type ParseResponseResponse,
  RecordProcessorService,
} from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { type SendOneRequestSchema, type SendOneResponse, WorkerService } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { WorkerManagerService } from "../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import type { SuiteAddress } from "./suite-address.ts";

const callTimeoutMs = 10_000;
const workerPollMs = 50;
/** Of a stream of turns, as its hello names it. */
const turnsProtocolVersion = 1;

export class SendSuite {
  readonly #suite: SuiteAddress;
  readonly #channels = new Map<string, Channel>();

  constructor(suite: SuiteAddress) {
    this.#suite = suite;
  }

  /** By any worker; one is started where a suite has none. `limitMs`: what the request itself may take. */
  async sendOne(
    request: MessageInitShape<typeof SendOneRequestSchema>,
    { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<SendOneResponse> {
    const worker = createClient(WorkerService, await this.#worker(signal));
    return worker.sendOne(request, { timeoutMs: limitMs + callTimeoutMs, signal });
  }

  async parse(request: MessageInitShape<typeof ParseResponseRequestSchema>, signal: AbortSignal): Promise<ParseResponseResponse> {
    const processor = createClient(RecordProcessorService, await this.#serving(ServiceKind.RECORD_PROCESSOR));
    return processor.parseResponse(request, { timeoutMs: callTimeoutMs, signal });
  }

  /** A synthetic turn of so many tokens, as runs send them. */
  async turn(inputTokens: number, signal: AbortSignal): Promise<Turn> {
    const datasets = createClient(DatasetService, await this.#serving(ServiceKind.DATASET));
    const source = { case: "synthetic" as const, value: { corpus: "prose", inputTokens: { mean: inputTokens } } };
    let datasetId = "";
    const randomSeed = BigInt(Math.floor(Math.random() * 2 ** 40));
    const prepared = datasets.prepareDataset({ dataset: { source, entries: 1n }, randomSeed }, { signal });
    for await (const { dataset } of prepared) datasetId = dataset?.datasetId ?? datasetId;
    const { promise, resolve, reject } = Promise.withResolvers<Turn>();
    const stream = datasets.fetchTurns({ signal });
    stream.onMessage(({ turns: [fetched] }) => {
      if (fetched?.turn !== undefined) resolve(fetched.turn);
      else reject(new AssayError("internal", `no synthetic prompt: ${fetched?.missing ?? "no answer"}`));
    });
    stream.onClose((error) => reject(error ?? new AssayError("unavailable", "the dataset service gave no prompt")));
    stream.send({ message: { case: "hello", value: { protocolVersion: turnsProtocolVersion, datasetId } } });
    stream.send({ message: { case: "turns", value: { refs: [{ conversation: 0n, turn: 0 }] } } });
    try {
      return await promise;
    } finally {
      stream.end();
    }
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
  }

  async #worker(signal: AbortSignal): Promise<Channel> {
    const [found] = await this.#members(ServiceKind.WORKER);
    if (found !== undefined) return this.#channelTo(found.address);
    const manager = createClient(WorkerManagerService, await this.#serving(ServiceKind.WORKER_MANAGER));
    await manager.spawnWorkers({ runId: "", count: 1 }, { timeoutMs: callTimeoutMs, signal });
    const late = AbortSignal.any([signal, AbortSignal.timeout(callTimeoutMs)]);
    while (!late.aborted) {
      const [worker] = await this.#members(ServiceKind.WORKER);
      if (worker !== undefined) return this.#channelTo(worker.address);
      await delay(workerPollMs, undefined, { signal: late }).catch(() => {});
    }
    throw new AssayError("deadline_exceeded", `no worker has joined the suite at ${this.#suite.address} within 10 s`);
  }

  async #serving(service: ServiceKind): Promise<Channel> {
    const [member] = await this.#members(service);
    if (member !== undefined) return this.#channelTo(member.address);
    const name = ServiceKind[service]?.toLowerCase().replaceAll("_", "-");
    throw new AssayError("unavailable", `no ${name} in the suite at ${this.#suite.address}`);
  }

  async #members(service: ServiceKind): Promise<Member[]> {
    const suites = createClient(SuiteService, this.#channelTo(this.#suite.address));
    const { members } = await suites.getSuite({}, { timeoutMs: callTimeoutMs });
    return members.filter(({ services, address, isConnected }) => isConnected && address !== "" && services.includes(service));
  }

  #channelTo(address: string): Channel {
    const known = this.#channels.get(address) ?? createChannel({ ...this.#suite, address });
    this.#channels.set(address, known);
    return known;
  }
}
