/** Calls a task on a grid of time, and whenever it is asked for, never twice at once. A moment of the grid that passes meanwhile is left out. */
export class Ticker {
  readonly #intervalMs: number;
  readonly #task: () => Promise<void>;
  #originMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param task must not reject, and must end by itself */
  constructor(intervalMs: number, task: () => Promise<void>) {
    this.#intervalMs = intervalMs;
    this.#task = task;
  }

  /** The first call is at once; resolves behind it. To be called once. */
  async start(): Promise<void> {
    this.#originMs = performance.now();
    await this.now();
    this.#wait();
  }

  /** Calls the task, or waits for the call that is under way; resolves behind it. */
  now(): Promise<void> {
    this.#running ??= this.#task().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves behind the call that is under way, after which there is none. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #wait(): void {
    if (this.#isStopped) return;
    const sinceMs = performance.now() - this.#originMs;
    const dueMs = (Math.floor(sinceMs / this.#intervalMs) + 1) * this.#intervalMs;
    this.#timer = setTimeout(() => {
      this.now().then(
        () => this.#wait(),
        () => {},
      );
    }, dueMs - sinceMs);
  }
}
