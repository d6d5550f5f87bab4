/** `import { connect } from "assay"`. What it promises is written at its types. */
import type { DescService } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import * as errors from "../../services/common/errors.ts";
import * as rpc from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import type * as types from "./types.d.ts";

/** A value of its own, so that the compiler holds the class against its published type. */
export const AssayError: typeof types.AssayError = errors.AssayError;

const connectTimeoutMs = 10_000;

/** As `types.d.ts` promises. */
export async function connect(options: types.ConnectOptions): Promise<types.Suite> {
  const { address, timeoutMs = connectTimeoutMs, signal } = options;
  if (!/^\S+:\d+$/.test(address)) throw new AssayError("invalid_argument", `address: must be host:port, got "${address}"`);
  const channels = createChannels(options);
  const suite = createClient(SuiteService, channels.to(address));
  try {
    const { version } = await suite.getSuite({}, { timeoutMs, signal });
    const client = async <D extends DescService>(service: D, callOptions: types.CallOptions = {}): Promise<types.Client<D>> => {
      const kind = kindOf(service);
      const at = kind === ServiceKind.CONTROLLER ? address : await memberOf(suite, kind, callOptions);
      // The two types say the same of every service, which the compiler cannot see for an open one.
      return createClient(service, channels.to(at)) as unknown as types.Client<D>;
    };
    return {
      address,
      version,
      runs: createClient(RunService, channels.to(address)),
      suite,
      records: (callOptions) => client(RecordsManagerService, callOptions),
      client,
      close: channels.close,
    };
  } catch (error) {
    channels.close();
    throw error;
  }
}

/** One channel for each address. */
function createChannels({ token, tls, allowPlaintext }: types.ConnectOptions) {
  const open = new Map<string, rpc.Channel>();
  let isClosed = false;
  return {
    to(address: string): rpc.Channel {
      if (isClosed) throw new AssayError("unavailable", `connecting to ${address}: the suite was closed by this client`);
      const channel =
        open.get(address) ??
        rpc.createChannel({ address, token, tls: tls === undefined ? undefined : tlsOf(tls), allowPlaintext });
      open.set(address, channel);
      return channel;
    },
    close(): void {
      isClosed = true;
      for (const channel of open.values()) channel.close();
    },
  };
}

function tlsOf({ ca, cert, key, serverName }: types.ClientTls): rpc.ClientTls {
  const pems = Object.entries({ ca, cert, key }).flatMap(([name, pem]) => (pem === undefined ? [] : [[name, Buffer.from(pem)]]));
  return { ...Object.fromEntries(pems), ...(serverName === undefined ? {} : { serverName }) };
}

/** `assay.worker_manager.v1.WorkerManagerService` is served by the worker-manager. */
function kindOf({ typeName }: DescService): ServiceKind {
  const area = /^assay\.(\w+)\.v1\./.exec(typeName)?.[1]?.toUpperCase() ?? "";
  const kind = Object.entries(ServiceKind).find(([name]) => name === area)?.[1];
  if (typeof kind !== "number") throw new AssayError("invalid_argument", `service ${typeName}: no service of a suite`);
  return kind;
}

async function memberOf(
  suite: types.Client<typeof SuiteService>,
  kind: ServiceKind,
  options: types.CallOptions,
): Promise<string> {
  const { members } = await suite.getSuite({}, options);
  // One that has died may still be listed beside its successor.
  const found = members.find(({ services, address, isConnected }) => isConnected && address !== "" && services.includes(kind));
  if (found === undefined) throw new AssayError("unavailable", `no member of the suite serves ${ServiceKind[kind]}`);
  return found.address;
}
