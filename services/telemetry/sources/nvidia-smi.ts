/** The GPUs of this host, asked by its `nvidia-smi`. */
import { type ExecFileException, execFile } from "node:child_process";
import { messageOf } from "../../common/errors.ts";
import { createSmiReader, smiColumns, unknownColumn } from "../core/sources/nvidia-smi.ts";
import type { Source, SourceAnswer } from "./source.ts";

export interface SmiOptions {
  /** Default: `nvidia-smi`, looked up in PATH. */
  readonly command?: string;
  /** From the start of the process to its end. */
  readonly deadlineMs: number;
}

const maxOutputBytes = 1_000_000;

/** A process a reading. What the driver does not know is not asked for again. */
export function createSmiSource({ command = "nvidia-smi", deadlineMs }: SmiOptions): Source {
  const reader = createSmiReader();
  let columns = smiColumns;
  const ask = async (signal: AbortSignal): Promise<SourceAnswer> => {
    const { error, output } = await run(
      command,
      [`--query-gpu=${columns.join(",")}`, "--format=csv,nounits"],
      deadlineMs,
      signal,
    );
    if (signal.aborted) return { kind: "failed", reason: "cancelled" };
    if (error === undefined) return { kind: "reading", reading: reader.read(output), sizeBytes: Buffer.byteLength(output) };
    if (error.code === "ENOENT") return { kind: "absent", reason: `${command} is not there` };
    if (error.killed === true) return { kind: "failed", reason: `no answer of ${command} within ${deadlineMs} ms` };
    const unknown = unknownColumn(output);
    if (unknown === undefined || !columns.includes(unknown)) {
      const said = output.trim().split("\n")[0] ?? "";
      return { kind: "failed", reason: `${command}: ${said || messageOf(error)}` };
    }
    columns = columns.filter((column) => column !== unknown);
    return ask(signal);
  };
  return {
    name: "nvidia-smi",
    get series() {
      return reader.series;
    },
    async read(signal) {
      try {
        return await ask(signal);
      } catch (error) {
        return { kind: "failed", reason: `what ${command} prints is not understood: ${messageOf(error)}` };
      }
    },
  };
}

/** Never rejects. `output`: what it printed on both streams. */
function run(command: string, args: readonly string[], deadlineMs: number, signal: AbortSignal) {
  const options = { timeout: deadlineMs, killSignal: "SIGKILL", maxBuffer: maxOutputBytes, signal } as const;
  return new Promise<{ readonly error: ExecFileException | undefined; readonly output: string }>((resolve) => {
    execFile(command, [...args], options, (error, stdout, stderr) =>
      resolve({ error: error ?? undefined, output: stdout + stderr }),
    );
  });
}
