/** A part of a suite in a process of its own, fed by the bench that started it: both ends of what they say to each other. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { leanFlags, leanVariables } from "../../clients/cli/lean-process.ts";

/** What the part tells. */
export type SideMessage =
  | { readonly kind: "ready"; readonly address: string }
  /** What it has done since its start, and the CPU time of its process. */
  | { readonly kind: "used"; readonly count: number; readonly cpuUs: number };

export interface Used {
  readonly count: number;
  readonly cpuUs: number;
}

const answerTimeoutMs = 30_000;

/** The bench's end. */
export class Side {
  readonly address: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.child = child;
    this.address = address;
  }

  /** Starts the program in `bench/support/` of this name, as processes of a suite are started. */
  static async start(name: string, ...args: string[]): Promise<Side> {
    const how = { execArgv: [...leanFlags], env: { ...process.env, ...leanVariables } };
    const child = fork(new URL(`./${name}.ts`, import.meta.url), args, how);
    const message = await messageOf(child);
    if (message.kind !== "ready") throw new Error(`${name} did not start`);
    return new Side(child, message.address);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async used(): Promise<Used> {
    this.child.send("?");
    const message = await messageOf(this.child);
    if (message.kind !== "used") throw new Error("the other process did not say what it used");
    return message;
  }

  async stop(): Promise<void> {
    this.child.disconnect();
    await once(this.child, "exit");
  }
}

async function messageOf(child: ChildProcess): Promise<SideMessage> {
  const [message] = await once(child, "message", { signal: AbortSignal.timeout(answerTimeoutMs) });
  return message as SideMessage;
}

/** The part's end: it stands at this address, has done `count()` when it is asked, and ends after `end()` when its parent does. */
export function serveParent(address: string, count: () => number, end: () => void): void {
  const tell = (message: SideMessage): void => {
    process.send?.(message);
  };
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    tell({ kind: "used", count: count(), cpuUs: user + system });
  });
  process.once("disconnect", () => {
    end();
    process.exit();
  });
  tell({ kind: "ready", address });
}
