/** Ctrl-C, counted: the first asks the run to stop, the second leaves. */
import type { Terminal } from "./terminal.ts";

export class Interrupts {
  readonly #stop = new AbortController();
  readonly #leave = new AbortController();
  readonly #release: () => void;

  /** Takes the signals over until `close`. SIGTERM counts as one Ctrl-C. */
  constructor(terminal: Pick<Terminal, "onStop">) {
    this.#release = terminal.onStop(() => {
      if (this.stop.aborted) this.#leave.abort();
      else this.#stop.abort();
    });
  }

  /** Aborts at the first signal. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborts at the second. */
  get leave(): AbortSignal {
    return this.#leave.signal;
  }

  close(): void {
    this.#release();
  }
}

/** The promise's outcome, or undefined once the signal aborts; the promise is then left to itself, a late failure included. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
