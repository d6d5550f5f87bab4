/** grpc.health.v1 for one server. */
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/grpc/health/v1/health_pb.js";
import { AssayError } from "../errors.ts";
import { ANY_ROLE, type Implementation, implementOpenOnLoopback } from "./handler.ts";

/** The health of every service of a server; `""` is the server as a whole. */
export class HealthBoard {
  readonly #statuses = new Map<string, ServingStatus>();
  readonly #watchers = new Set<() => void>();
  #isClosed = false;

  /** Every named service and the whole are SERVING. */
  constructor(services: readonly string[]) {
    for (const name of ["", ...services]) this.#statuses.set(name, ServingStatus.SERVING);
  }

  /** Sets one service, or the whole (`""`), and tells its watchers. */
  set(service: string, isServing: boolean): void {
    this.#statuses.set(service, isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    this.#wakeAll();
  }

  /** Everything is NOT_SERVING from now on; watchers are told and their streams end. */
  close(): void {
    for (const name of this.#statuses.keys()) this.#statuses.set(name, ServingStatus.NOT_SERVING);
    this.#isClosed = true;
    this.#wakeAll();
  }

  implementation(): Implementation {
    return implementOpenOnLoopback(Health, {
      role: ANY_ROLE,
      handlers: {
        check: ({ service }) => {
          const status = this.#statuses.get(service);
          if (status === undefined) throw new AssayError("not_found", `no service named "${service}" here`);
          return { status };
        },
        list: () => ({ statuses: Object.fromEntries([...this.#statuses].map(([name, status]) => [name, { status }])) }),
        watch: ({ service }, { signal }) => this.#watch(service, signal),
      },
    });
  }

  // A watcher that reads slowly sees the latest status, not every one: nothing is queued for it.
  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    let told: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.#statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status !== told) {
        told = status;
        yield { status };
      } else if (this.#isClosed) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#watchers]) wake();
  }
}
