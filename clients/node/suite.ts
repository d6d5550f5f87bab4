/** A suite as a client sees it: its connections, and what they are used for. What it promises is written at its types. */
import type { DescService } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { StreamRecordsResponse } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { type Channel, type ClientTls, createChannel } from "../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../services/common/rpc/client.ts";
import type { WatchedToken } from "../../services/common/rpc/token-file.ts";
import { newRunId } from "../../services/common/run-id.ts";
import { DrivenRun, type DriveOptions } from "./driven-run.ts";
import type * as types from "./types.d.ts";

export interface SuiteReach {
  /** Of the controller. */
  readonly address: string;
  readonly token?: string | WatchedToken | undefined;
  readonly tls?: ClientTls | undefined;
  /** The token may go in clear to another host. */
  readonly allowPlaintext?: boolean | undefined;
}

/** Statistics of a long run are made from all of its rows. */
const summaryTimeoutMs = 300_000;

/** A suite that nobody has spoken to yet. */
export type OpenSuite = ReturnType<typeof openSuite>;

/** Nothing is dialled before the first call. */
export function openSuite({ address, ...reach }: SuiteReach) {
  const open = new Map<string, Channel>();
  let isClosed = false;
  const channelTo = (to: string): Channel => {
    if (isClosed) throw new AssayError("unavailable", `connecting to ${to}: the suite was closed by this client`);
    const channel = open.get(to) ?? createChannel({ ...reach, address: to });
    open.set(to, channel);
    return channel;
  };
  const runs = createClient(RunService, channelTo(address));
  const suite = createClient(SuiteService, channelTo(address));
  const client = async <D extends DescService>(service: D, options: types.CallOptions = {}): Promise<Client<D>> => {
    const kind = kindOf(service);
    if (kind === ServiceKind.CONTROLLER) return createClient(service, channelTo(address));
    const { members } = await suite.getSuite({}, options);
    // One that has died may still be listed beside its successor, and one that is frozen would never answer. Of several that of shard 0 answers for all.
    const serving = members.filter(
      ({ services, address: at, isConnected }) => isConnected && at !== "" && services.includes(kind),
    );
    const member = serving.sort((one, other) => one.shard - other.shard)[0];
    if (member !== undefined) return createClient(service, channelTo(member.address));
    const name = ServiceKind[kind].toLowerCase().replaceAll("_", "-");
    throw new AssayError("unavailable", `no ${name} in the suite at ${address}`);
  };
  const records = (options?: types.CallOptions) => client(RecordsManagerService, options);
  const summaryOf = async (runId: string, wishes: types.SummaryWishes = {}, options: types.CallOptions = {}) => {
    const manager = await records({ signal: options.signal });
    return manager.summarizeRecords({ ...wishes, runId }, { timeoutMs: summaryTimeoutMs, ...options });
  };
  /** In messages of some, as they come. */
  const recordBatchesOf = async function* (
    runId: string,
    { fields = [], ...wishes }: types.RecordsWishes = {},
    options: types.StreamOptions = {},
  ): AsyncGenerator<StreamRecordsResponse, void, undefined> {
    const manager = await records({ signal: options.signal });
    const mask = fields.length === 0 ? {} : { fields: { paths: [...fields] } };
    yield* manager.streamRecords({ ...wishes, ...mask, runId }, options);
  };
  const recordsOf = async function* (
    runId: string,
    wishes?: types.RecordsWishes,
    options?: types.StreamOptions,
  ): AsyncGenerator<types.MeasuredRequest, void, undefined> {
    for await (const batch of recordBatchesOf(runId, wishes, options)) yield* measuredRequests(batch);
  };
  const drive = async (options: DriveOptions): Promise<types.DrivenRun> => {
    const run = await new DrivenRun(runs, options).opened();
    return Object.assign(run, {
      summary: (wishes?: types.SummaryWishes, call?: types.CallOptions) => summaryOf(run.id, wishes, call),
      records: (wishes?: types.RecordsWishes, call?: types.StreamOptions) => recordsOf(run.id, wishes, call),
    });
  };
  return {
    address,
    runs,
    suite,
    client,
    records,
    summaryOf,
    recordsOf,
    recordBatchesOf,
    run: async (spec: types.RunSpecInit, { runId, isKept = false, ...options }: types.RunOptions = {}) => {
      // Where nobody is, that is said at once. From here on the run may be there, whatever becomes of the stream.
      if (isKept) await suite.getSuite({}, { signal: options.signal });
      return drive({ ...options, runId: runId || newRunId(), creation: { spec, isKept } });
    },
    attach: (runId: string, options: types.DriveOptions = {}) => drive({ ...options, runId }),
    /** Running calls end with an error; no further ones can be made. */
    close(): void {
      isClosed = true;
      for (const channel of open.values()) channel.close();
    },
  };
}

function* measuredRequests({ records, tags }: StreamRecordsResponse): Generator<types.MeasuredRequest> {
  for (const record of records) {
    const known = record.values.flatMap((value, index): [string, number][] =>
      Number.isNaN(value) ? [] : [[tags[index] ?? "", value]],
    );
    yield { record, metrics: Object.fromEntries(known) };
  }
}

/** `assay.worker_manager.v1.WorkerManagerService` is served by the worker-manager. */
function kindOf({ typeName }: DescService): ServiceKind {
  const area = /^assay\.(\w+)\.v1\./.exec(typeName)?.[1]?.toUpperCase() ?? "";
  const kind = Object.entries(ServiceKind).find(([name]) => name === area)?.[1];
  if (typeof kind !== "number") throw new AssayError("invalid_argument", `service ${typeName}: no service of a suite`);
  return kind;
}
