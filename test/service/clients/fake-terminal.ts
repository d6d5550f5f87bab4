/** A terminal that a test reads, and at which it presses Ctrl-C. */
import type { StopSignal, Terminal } from "../../../clients/cli/terminal.ts";

export class FakeTerminal implements Terminal {
  stdout = "";
  stderr = "";
  readonly width = 120;
  readonly errWidth = 120;
  readonly isErrTty: boolean;
  readonly hasColour = false;
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  readonly onKey: Terminal["onKey"];
  #keys = new Set<(key: string) => void>();
  #listeners = new Set<(signal: StopSignal) => void>();
  #waiting: { readonly text: string; readonly resolve: () => void }[] = [];

  constructor({
    cwd = "/nowhere",
    env = {},
    isErrTty = false,
    hasKeys = false,
  }: { cwd?: string; env?: Record<string, string>; isErrTty?: boolean; hasKeys?: boolean } = {}) {
    this.cwd = cwd;
    // Neither a token nor a home of whoever runs the tests.
    this.env = { HOME: "/nowhere", ...env };
    this.isErrTty = isErrTty;
    this.onKey = hasKeys
      ? (listener) => {
          this.#keys.add(listener);
          return () => this.#keys.delete(listener);
        }
      : undefined;
  }

  out(text: string): void {
    this.stdout += text;
  }

  async outNext(text: string): Promise<boolean> {
    this.out(text);
    return true;
  }

  err(text: string): void {
    this.stderr += text;
    const seen = this.#waiting.filter((wait) => this.stderr.includes(wait.text));
    this.#waiting = this.#waiting.filter((wait) => !seen.includes(wait));
    for (const { resolve } of seen) resolve();
  }

  onStop(listener: (signal: StopSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  press(signal: StopSignal = "SIGINT"): void {
    for (const listener of this.#listeners) listener(signal);
  }

  type(key: string): void {
    for (const listener of this.#keys) listener(key);
  }

  get isTakingSignals(): boolean {
    return this.#listeners.size > 0;
  }

  /** Resolves once stderr holds this text. */
  async seen(text: string): Promise<void> {
    if (this.stderr.includes(text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ text, resolve });
    await promise;
  }
}
