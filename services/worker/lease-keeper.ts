/**
 * The guard of a worker's lease: a thread that asks timing while the event loop is busy in one long turn. Renewals are frames of
 * HTTP/2, which leave when a turn is over, and a turn that reads thousands of answers on a machine with too much to do takes seconds.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExtendLeaseRequestSchema } from "../../gen/assay/timing/v1/timing_service_pb.js";
import type { Logger } from "../common/logger.ts";
import type { Reach } from "../common/rpc/channel.ts";
import type { LeaseGuard, LifeSign } from "./core/lease.ts";
import { LeaseCell } from "./core/lease-cell.ts";

/** What the thread is started with. */
export interface KeeperStart {
  readonly memory: SharedArrayBuffer;
  readonly channel: Reach;
}

/** What it is told: in this term it may send this request, for leases of this length. */
export interface KeeperTerm {
  readonly term: number;
  readonly request: Uint8Array;
  readonly leaseNs: number;
}

export interface LeaseKeeperOptions {
  readonly channel: Reach;
  readonly runId: string;
  readonly workerId: string;
  readonly log: Logger;
}

/** Without its thread, should that die, nothing is extended: the loop renews its lease as ever. */
export class LeaseKeeper implements LeaseGuard {
  readonly #options: LeaseKeeperOptions;
  readonly #cell = new LeaseCell();
  readonly #thread: Worker;
  #toldTerm = -1;
  #isClosed = false;

  /** Starts the thread, which does not keep the process alive. */
  constructor(options: LeaseKeeperOptions) {
    const { channel, log } = options;
    this.#options = options;
    const workerData: KeeperStart = { memory: this.#cell.memory, channel };
    this.#thread = new Worker(new URL(`./lease-thread${extname(import.meta.url)}`, import.meta.url), { workerData });
    this.#thread.unref();
    let why = "it ended";
    this.#thread.on("error", ({ message }) => {
      why = message;
    });
    this.#thread.on("exit", () => {
      if (!this.#isClosed) log.warn("the thread that guards the lease is gone", { error: why });
    });
  }

  get endNs(): number {
    return this.#cell.endNs;
  }

  alive({ incarnation, leaseNs, now }: LifeSign): void {
    const { term } = this.#cell;
    if (term !== this.#toldTerm) {
      this.#toldTerm = term;
      const { runId, workerId } = this.#options;
      const request = toBinary(ExtendLeaseRequestSchema, create(ExtendLeaseRequestSchema, { runId, workerId, incarnation }));
      const told: KeeperTerm = { term, request, leaseNs };
      this.#thread.postMessage(told);
    }
    this.#cell.sign(now);
  }

  rest(): void {
    this.#cell.rest();
  }

  void(): void {
    this.#cell.void();
  }

  /** Ends the thread. */
  close(): void {
    this.#isClosed = true;
    this.#cell.void();
    this.#thread.postMessage(undefined);
  }
}
