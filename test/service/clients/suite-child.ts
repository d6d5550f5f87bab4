/**
 * A process of a local suite that only speaks the protocol of its start. Arguments: a JSON script, then what a process is
 * given. It writes `<first service>.json` (its pid, what it was told) into the script's folder.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** By first service: what the process does. Absent: it is ready and ends with its stdin. */
export type ChildMode =
  | "silent"
  | "garbage"
  | "refuses"
  | "dies"
  | "dies_unasked"
  /** Ready; then neither the end of stdin nor SIGTERM ends it. */
  | "deaf";

export interface ChildScript {
  readonly folder: string;
  /** Of whoever is the controller. */
  readonly address: string;
  readonly modes: Readonly<Record<string, ChildMode>>;
}

/** What a process was told, as it wrote it down. */
export interface ChildNote {
  readonly pid: number;
  readonly args: readonly string[];
  readonly told: unknown;
  /** Node's own options, and what glibc's heap is told. */
  readonly nodeFlags: readonly string[];
  readonly heap: readonly (string | undefined)[];
}

if (process.argv[1] === import.meta.filename) {
  const script = JSON.parse(process.argv[2] ?? "") as ChildScript;
  const args = process.argv.slice(3);
  const service = /^--services=([\w-]+)/.exec(args[1] ?? "")?.[1] ?? args[0] ?? "";
  const mode = script.modes[service];
  const note = (told: unknown): void => {
    const { MALLOC_ARENA_MAX: arenas, MALLOC_MMAP_THRESHOLD_: threshold } = process.env;
    const seen: ChildNote = { pid: process.pid, args, told, nodeFlags: process.execArgv, heap: [arenas, threshold] };
    writeFileSync(join(script.folder, `${service}.json`), JSON.stringify(seen));
  };
  note(undefined);
  process.on("SIGINT", () => {});
  if (mode === "dies_unasked") {
    process.stderr.write("cannot load a module\n");
    process.exit(4);
  }
  if (service === "mock") {
    process.stdout.write("listening on http://127.0.0.1:9\n");
  } else {
    const lines = createInterface({ input: process.stdin });
    lines.once("line", (line) => {
      note(JSON.parse(line));
      process.stderr.write(`log of ${service}\n`);
      if (mode === "dies") process.exit(3);
      if (mode === "garbage") process.stdout.write("Hello!\n");
      if (mode === "refuses") process.stdout.write(`${JSON.stringify({ ready: false, error: "port taken" })}\n`);
      if (mode === undefined || mode === "deaf") {
        process.stdout.write(`${JSON.stringify({ ready: true, address: script.address, memberId: service })}\n`);
      }
    });
  }
  if (mode === "deaf") {
    process.on("SIGTERM", () => {});
    setInterval(() => {}, 1000);
  } else {
    process.stdin.on("close", () => process.exit()).resume();
  }
}
