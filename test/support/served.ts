/** `assay serve` in processes of its own, in folders of its own, ended with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = join(import.meta.dirname, "../../services/main.ts");
const usualDeadlineMs = 15_000;

export interface Served {
  /** Where it listens. */
  readonly address: string;
  readonly child: ChildProcess;
  /** Everything it has written to its standard error. */
  stderr(): string;
  /** Sends SIGTERM and resolves with the exit code; rejects, having killed it, when it does not end in time. */
  terminate(): Promise<number | null>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class ServeFolder {
  private readonly program: string;
  private readonly deadlineMs: number;
  readonly folder = mkdtempSync(join(tmpdir(), "assay-serve-"));
  readonly tokenFile = join(this.folder, "run", "assay", "token");
  /** For processes started from now on, beside what all of them have. */
  env: Readonly<Record<string, string>> = {};
  private readonly children = new Set<ChildProcess>();

  /**
   * @param assay what is started; default: from its sources
   * @param deadlineMs for a process to start or to end
   */
  constructor(assay = program, deadlineMs = usualDeadlineMs) {
    this.program = assay;
    this.deadlineMs = deadlineMs;
  }

  /** Starts a process and waits until it has joined; rejects with its standard error when it ends first. */
  async start(...args: string[]): Promise<Served> {
    const process = this.spawn(["serve", ...args]);
    const address = await process.says(/listening on (?:http:\/\/)?(\S+?),? ?(?:token|$)/m);
    return { address, ...process, terminate: () => this.terminate(process) };
  }

  /** The built-in inference server. */
  async startMock(...args: string[]): Promise<Served> {
    const process = this.spawn(["mock", "--port", "0", ...args]);
    const address = await process.says(/listening on (http:\/\/\S+)/);
    return { address, ...process, terminate: () => this.terminate(process) };
  }

  /** Runs `assay serve` to its end. */
  async run(...args: string[]): Promise<Ended> {
    const process = this.spawn(["serve", ...args]);
    const code = await this.end(process);
    return { code, stdout: process.stdout(), stderr: process.stderr() };
  }

  async close(): Promise<void> {
    const ends = [...this.children].map(async (child) => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    });
    await Promise.all(ends);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  private spawn(args: string[]) {
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      XDG_RUNTIME_DIR: join(this.folder, "run"),
      XDG_DATA_HOME: join(this.folder, "data"),
      ...this.env,
    };
    const { deadlineMs } = this;
    const child = spawn(process.execPath, [this.program, ...args], { stdio: ["ignore", "pipe", "pipe"], env, cwd: this.folder });
    this.children.add(child);
    let stdout = "";
    let stderr = "";
    let isOver = false;
    const ended = Promise.withResolvers<void>();
    let wake = Promise.withResolvers<void>();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      wake.resolve();
      wake = Promise.withResolvers();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("exit", () => this.children.delete(child));
    child.once("close", () => {
      isOver = true;
      ended.resolve();
    });
    return {
      child,
      ended: ended.promise,
      stdout: () => stdout,
      stderr: () => stderr,
      async says(pattern: RegExp): Promise<string> {
        const late = AbortSignal.timeout(deadlineMs);
        const timeout = once(late, "abort");
        for (;;) {
          const found = pattern.exec(stdout);
          if (found?.[1] !== undefined) return found[1];
          // However it ended: without an exit code, too, where it was killed.
          if (late.aborted || isOver) throw new Error(`assay ${args.join(" ")}: ${stderr || stdout || "says nothing"}`);
          await Promise.race([wake.promise, ended.promise, timeout]);
        }
      },
    };
  }

  private async terminate(process: ReturnType<ServeFolder["spawn"]>): Promise<number | null> {
    process.child.kill("SIGTERM");
    return this.end(process);
  }

  private async end({ child, ended, stderr }: ReturnType<ServeFolder["spawn"]>): Promise<number | null> {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), this.deadlineMs);
    const outcome = await Promise.race([ended, late.promise]);
    clearTimeout(timer);
    if (outcome !== "late") return child.exitCode;
    child.kill("SIGKILL");
    throw new Error(`the process did not end within ${this.deadlineMs} ms: ${stderr()}`);
  }
}
