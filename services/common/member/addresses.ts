/** Where the other services are: the directory as it stands, waited for with a deadline, and one channel per address. */
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { Directory, DirectoryEntry } from "../../../gen/assay/controller/v1/controller_pb.js";
import { AssayError } from "../errors.ts";
import type { ServiceName } from "../module.ts";
import type { Tracer } from "../observe/tracing.ts";
import { type Channel, type ClientTls, createChannel } from "../rpc/channel.ts";
import type { OwnStreams } from "../rpc/own-streams.ts";

/** Of several entries of a service: that of a shard, or one after the other by place, always the same for the same place and directory. Default: shard 0. */
export type Which = { readonly shard: number } | { readonly place: number };

export interface Addresses {
  /**
   * A channel to a service, shared by all who ask for that address. Where there are several entries, `which` picks one. Rejects with
   * `deadline_exceeded`, naming the service, when the signal aborts first.
   */
  channelTo(service: ServiceName, signal: AbortSignal, which?: Which): Promise<Channel>;
  /**
   * For who dials a service again and again in a run: waits as `channelTo` does, for a function that gives the channel by the directory
   * of its moment, since a service that comes back may be at another address. While there is none, it gives the one before.
   */
  routeTo(service: ServiceName, signal: AbortSignal, which?: Which): Promise<() => Channel>;
  /** The directory has changed. */
  update(directory: Directory): void;
  /** The channel to an address, shared by all who ask for it. */
  channel(address: string): Channel;
  /** Entries of a service now. */
  entriesOf(service: ServiceName): readonly DirectoryEntry[];
  close(): void;
}

const firstShard: Which = { shard: 0 };

export const serviceKinds: Readonly<Record<ServiceName, ServiceKind>> = {
  controller: ServiceKind.CONTROLLER,
  dataset: ServiceKind.DATASET,
  timing: ServiceKind.TIMING,
  "worker-manager": ServiceKind.WORKER_MANAGER,
  worker: ServiceKind.WORKER,
  "record-processor": ServiceKind.RECORD_PROCESSOR,
  "records-manager": ServiceKind.RECORDS_MANAGER,
  telemetry: ServiceKind.TELEMETRY,
};

export interface AddressesOptions {
  readonly token: string | undefined;
  readonly tls?: ClientTls | undefined;
  /** Makes a span of every call. Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Streams of this process's own server, where that is what the address is of; undefined: it is another's. Default: none is its own. */
  readonly ownStreamsAt?: (address: string) => OwnStreams | undefined;
}

export function createAddresses({ token, tls, tracer, ownStreamsAt }: AddressesOptions): Addresses {
  const channels = new Map<string, Channel>();
  let entries: readonly DirectoryEntry[] = [];
  let changed = Promise.withResolvers<void>();

  const entriesOf = (service: ServiceName): readonly DirectoryEntry[] =>
    entries.filter((entry) => entry.service === serviceKinds[service] && entry.address !== "");

  const open = (address: string): Channel => {
    const known = channels.get(address);
    if (known !== undefined) return known;
    const channel = createChannel({ address, token, tls, tracer, own: ownStreamsAt?.(address) });
    channels.set(address, channel);
    return channel;
  };

  const channelNow = (service: ServiceName, which: Which): Channel | undefined => {
    const found = entriesOf(service);
    const entry =
      "place" in which ? found[which.place % Math.max(1, found.length)] : found.find(({ shard }) => shard === which.shard);
    return entry && open(entry.address);
  };

  const channelTo = async (service: ServiceName, signal: AbortSignal, which: Which = firstShard): Promise<Channel> => {
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => giveUp(), { once: true });
    for (;;) {
      const channel = channelNow(service, which);
      if (channel !== undefined) return channel;
      if (signal.aborted) {
        const of = "shard" in which && which.shard > 0 ? ` of shard ${which.shard}` : "";
        throw new AssayError("deadline_exceeded", `no ${service}${of} has joined the suite`);
      }
      await Promise.race([changed.promise, late]);
    }
  };

  return {
    entriesOf,
    channel: open,
    channelTo,
    async routeTo(service, signal, which = firstShard) {
      let last = await channelTo(service, signal, which);
      return () => {
        last = channelNow(service, which) ?? last;
        return last;
      };
    },
    update(directory) {
      entries = directory.entries;
      const wake = changed;
      changed = Promise.withResolvers<void>();
      wake.resolve();
    },
    close() {
      for (const channel of channels.values()) channel.close();
      channels.clear();
    },
  };
}
