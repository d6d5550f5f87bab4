/**
 * Hosts of a test on one machine: each a network namespace with a name of its own, on one switch that leads nowhere else. They share the
 * machine's files and processors. Needs root, iproute2 and util-linux.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = join(import.meta.dirname, "../../services/main.ts");
const saysWithinMs = 60_000;
const endsWithinMs = 60_000;

const endingSignals = ["SIGTERM", "SIGHUP"] as const;

/** How a process on a host may be started. */
export interface HostProcessOptions {
  /** By so many seconds its CLOCK_MONOTONIC runs ahead of the machine's. Default: 0, the machine's own. */
  readonly clockAheadSec?: number;
  /** Beside what all have. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that goes on until it is ended, or its host is. */
export interface HostProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with a match in its standard output; rejects with all that it has said when it ends first, or takes too long. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when it has ended. */
  ended(withinMs: number): Promise<Ended>;
}

export class TestNetwork {
  /** A folder for each host below it, and `assay` and what else is in the hosts' PATH in `bin`. */
  readonly folder = mkdtempSync(join(tmpdir(), "assay-hosts-"));
  readonly names: readonly string[];
  readonly #prefix = `assay${process.pid}`;
  readonly #processes = new Set<ChildProcess>();
  readonly #removeAtExit = (): void => this.remove();
  /** Whoever ends the tests by a signal leaves no exit behind by itself. */
  readonly #exitBySignal = (): void => process.exit(1);

  /** Makes the hosts, reachable from each other by name. Throws, with nothing left, where this machine does not let it. */
  constructor(names: readonly string[]) {
    this.names = names;
    process.once("exit", this.#removeAtExit);
    for (const signal of endingSignals) process.once(signal, this.#exitBySignal);
    try {
      this.#make();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  addressOf(name: string): string {
    return `10.99.0.${this.#number(name)}`;
  }

  /** The host's own folder, where its commands are run. */
  folderOf(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a program on a host. */
  start(name: string, command: readonly string[], { clockAheadSec = 0, env = {} }: HostProcessOptions = {}): HostProcess {
    const clock =
      clockAheadSec === 0 ? [] : ["unshare", "--time", "--monotonic", String(clockAheadSec), "--fork", "--kill-child", "--"];
    // What the host is called is a matter of its own, too.
    const named = ["unshare", "--uts", "--", "sh", "-c", 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"', name];
    const words = ["netns", "exec", this.#namespace(name), ...named, ...clock, ...command];
    const child = spawn("ip", words, {
      cwd: this.folderOf(name),
      stdio: ["ignore", "pipe", "pipe"],
      // A session of its own, as a terminal gives to each command.
      detached: true,
      env: {
        PATH: `${join(this.folder, "bin")}:${process.env.PATH}`,
        HOME: this.folderOf(name),
        HOST: name,
        NO_COLOR: "1",
        NO_PROXY: "*",
        ...env,
      },
    });
    this.#processes.add(child);
    return watched(child, `${name}: ${command.join(" ")}`);
  }

  /** Runs a script with bash on a host, to its end. */
  async run(name: string, script: string, options: HostProcessOptions & { readonly withinMs?: number } = {}): Promise<Ended> {
    const process = this.start(name, ["bash", "-euo", "pipefail", "-c", script], options);
    return process.ended(options.withinMs ?? endsWithinMs);
  }

  /** Cuts a host from all others, without a word: packets go nowhere. */
  cut(name: string): void {
    ip("-n", this.#namespace("switch"), "link", "set", `port${this.#number(name)}`, "nomaster");
  }

  heal(name: string): void {
    ip("-n", this.#namespace("switch"), "link", "set", `port${this.#number(name)}`, "master", "bridge");
  }

  /** Ends every process of a host by SIGKILL. */
  kill(name: string): void {
    const pids = ip("netns", "pids", this.#namespace(name))
      .split("\n")
      .filter((line) => line !== "");
    for (const pid of pids) killed(Number(pid));
  }

  /** Ends every process of every host and removes all that was made; may be called again. */
  remove(): void {
    process.off("exit", this.#removeAtExit);
    for (const signal of endingSignals) process.off(signal, this.#exitBySignal);
    for (const name of ["switch", ...this.names]) {
      try {
        this.kill(name);
        ip("netns", "del", this.#namespace(name));
      } catch {
        // It was not made, or is gone already.
      }
      rmSync(join("/etc/netns", this.#namespace(name)), { recursive: true, force: true });
    }
    try {
      rmdirSync("/etc/netns");
    } catch {
      // Others have hosts, too.
    }
    for (const child of this.#processes) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #make(): void {
    const bridge = this.#namespace("switch");
    ip("netns", "add", bridge);
    ip("-n", bridge, "link", "add", "bridge", "type", "bridge", "stp_state", "0", "forward_delay", "0");
    ip("-n", bridge, "link", "set", "bridge", "up");
    const known = this.names.map((name) => `${this.addressOf(name)} ${name}\n`).join("");
    for (const name of this.names) {
      const [own, number] = [this.#namespace(name), this.#number(name)];
      // `ip netns exec` puts this in the place of /etc/hosts.
      mkdirSync(join("/etc/netns", own), { recursive: true });
      writeFileSync(join("/etc/netns", own, "hosts"), `127.0.0.1 localhost\n::1 localhost\n${known}`);
      ip("netns", "add", own);
      ip("-n", bridge, "link", "add", `port${number}`, "type", "veth", "peer", "name", "lan", "netns", own);
      ip("-n", bridge, "link", "set", `port${number}`, "master", "bridge", "up");
      ip("-n", own, "addr", "add", `${this.addressOf(name)}/24`, "dev", "lan");
      ip("-n", own, "link", "set", "lo", "up");
      ip("-n", own, "link", "set", "lan", "up");
      mkdirSync(this.folderOf(name));
    }
    mkdirSync(join(this.folder, "bin"));
    this.#tool("assay", `exec "${process.execPath}" "${program}" "$@"`);
    // To another host's folder, since there is no way to it but the files that all of them share.
    this.#tool("scp", `to="\${@: -1}"; cp "\${@:1:$#-1}" "${this.folder}/\${to%%:*}/\${to#*:}"`);
  }

  #tool(name: string, script: string): void {
    writeFileSync(join(this.folder, "bin", name), `#!/usr/bin/env bash\n${script}\n`, { mode: 0o755 });
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #number(name: string): number {
    return this.names.indexOf(name) + 1;
  }
}

function ip(...words: string[]): string {
  return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function watched(child: ChildProcess, what: string): HostProcess {
  let stdout = "";
  let stderr = "";
  let isOver = false;
  let wake = Promise.withResolvers<void>();
  const tell = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    tell();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.once("close", () => {
    isOver = true;
    tell();
  });
  const fail = (why: string): never => {
    throw new Error(`${what}: ${why}\n${stdout}${stderr}`);
  };
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    async says(pattern) {
      const late = AbortSignal.timeout(saysWithinMs);
      const timeout = once(late, "abort");
      for (;;) {
        const found = pattern.exec(stdout);
        if (found !== null) return found;
        if (isOver) return fail("has ended");
        if (late.aborted) return fail(`has not said ${pattern} within ${saysWithinMs} ms`);
        await Promise.race([wake.promise, timeout]);
      }
    },
    async ended(withinMs) {
      const late = AbortSignal.timeout(withinMs);
      const timeout = once(late, "abort");
      while (!isOver) {
        if (late.aborted) return fail(`has not ended within ${withinMs} ms`);
        await Promise.race([wake.promise, timeout]);
      }
      return { code: child.exitCode, stdout, stderr };
    },
  };
}
