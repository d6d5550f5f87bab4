/** This program as a child process: it is started, one line is heard from it, and it is ended; it lives no longer than its stdin is open. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { environmentOfChild } from "./environment.ts";
import { leanFlags, leanVariables } from "./lean-process.ts";

export interface CompanionOptions {
  /** Who it is, in messages. */
  readonly name: string;
  /** Node and arguments. */
  readonly command: readonly string[];
  /** Keeps the terminal's Ctrl-C from it. */
  readonly isDetached?: boolean;
  /** Every line that it writes to stderr, as it comes. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/** How it ended. */
export interface CompanionEnd {
  readonly name: string;
  /** `exit code 3`, `SIGKILL`, `spawn … ENOENT`. */
  readonly how: string;
  /** The last it wrote to stderr, at most 4 KiB. */
  readonly lastWords: string;
}

const maxTailChars = 4096;
const maxLineChars = 65_536;
const killDelayMs = 1000;
const lastWordsMs = 100;

export class Companion {
  readonly name: string;
  /** Its first line on stdout; undefined if it ended without one. Never rejects. */
  readonly firstLine: Promise<string | undefined>;
  /** Resolves when it has ended, however. */
  readonly ended: Promise<CompanionEnd>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #tail = "";

  /** Starts it at once. */
  constructor({ name, command, isDetached = false, onLog }: CompanionOptions) {
    this.name = name;
    const [program = "", ...args] = command;
    const child = spawn(program, [...leanFlags, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: isDetached,
      env: { ...leanVariables, ...environmentOfChild(process.env) },
    });
    this.#child = child;
    this.#keepTail(onLog);
    const { promise, resolve } = Promise.withResolvers<CompanionEnd>();
    const end = (how: string): void => resolve({ name, how, lastWords: this.#tail.trim() });
    child.on("error", (error) => end(error.message));
    // Its last words may still be on their way when it exits; a child of its own may hold the pipes open for longer.
    child.on("exit", (code, signal) => setTimeout(end, lastWordsMs, signal ?? `exit code ${code}`).unref());
    child.on("close", (code, signal) => end(signal ?? `exit code ${code}`));
    // It may be gone before it has read anything; its end says so.
    child.stdin.on("error", () => {});
    this.ended = promise;
    this.firstLine = this.#readFirstLine();
  }

  /** Writes one line to its stdin. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Ends its stdin and waits; SIGTERM after `graceMs`, SIGKILL a second later. Resolves when it has ended. */
  async stop(graceMs: number): Promise<void> {
    this.#child.stdin.end();
    if (await endsWithin(this.ended, graceMs)) this.#letGo();
    else await this.kill();
  }

  /** Ends its stdin and sends SIGTERM, and SIGKILL a second later. Resolves when it has ended. */
  async kill(): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill("SIGTERM");
    if (!(await endsWithin(this.ended, killDelayMs))) this.#child.kill("SIGKILL");
    await endsWithin(this.ended, killDelayMs);
    this.#letGo();
  }

  // Children of its own may hold the pipes open; they keep this process no longer.
  #letGo(): void {
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
    this.#child.unref();
  }

  #keepTail(onLog: ((line: string) => void) | undefined): void {
    let partial = "";
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#tail = (this.#tail + text).slice(-maxTailChars);
      if (onLog === undefined) return;
      const lines = (partial + text).split("\n");
      partial = (lines.pop() ?? "").slice(-maxLineChars);
      lines.forEach(onLog);
    });
  }

  #readFirstLine(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    let text = "";
    const read = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end < 0 && text.length < maxLineChars) return;
      this.#child.stdout.off("data", read);
      // What follows is read and dropped, or the child would wait for room in the pipe.
      this.#child.stdout.resume();
      resolve(text.slice(0, end < 0 ? maxLineChars : end));
    };
    this.#child.stdout.setEncoding("utf8").on("data", read);
    this.#child.stdout.on("close", () => resolve(text === "" ? undefined : text));
    this.#child.on("error", () => resolve(undefined));
    return promise;
  }
}

async function endsWithin(ended: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, ms, false);
  try {
    return await Promise.race([ended.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
