/** The process around the command line: its streams, its environment, its signals. Tests give another. */
import { steady } from "../../report/text.ts";

export type StopSignal = "SIGINT" | "SIGTERM";

export interface Terminal {
  /** Results. After a broken pipe writing does nothing. */
  out(text: string): void;
  /** As `out`, of one of many texts, or pieces of a file: resolves when there is room for the next one, with false once nobody reads on. */
  outNext(text: string | Uint8Array): Promise<boolean>;
  /** Progress and complaints; likewise. */
  err(text: string): void;
  /** Of stdout; where that is no terminal, $COLUMNS or 140. */
  readonly width: number;
  readonly errWidth: number;
  readonly isErrTty: boolean;
  /** stdout is a terminal and NO_COLOR is not set. */
  readonly hasColour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Takes the signals over until the answer is called. */
  onStop(listener: (signal: StopSignal) => void): () => void;
  /** Keys as they are pressed, until the answer is called; Ctrl-C stays a signal. Undefined: stdin is no terminal. */
  readonly onKey?: ((listener: (key: string) => void) => () => void) | undefined;
}

const widthOfFiles = 140;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const results = writerOf(stdout, stdout.isTTY === true);
  const complaints = writerOf(stderr, true);
  const columns = Number(env.COLUMNS);
  // A terminal without a size, as containers have them, says 0.
  return {
    out: results.write,
    outNext: results.writeNext,
    err: complaints.write,
    get width() {
      return stdout.columns || (columns > 0 ? columns : widthOfFiles);
    },
    get errWidth() {
      return stderr.columns || widthOfFiles;
    },
    isErrTty: stderr.isTTY === true,
    hasColour: stdout.isTTY === true && (env.NO_COLOR ?? "") === "",
    env,
    cwd: process.cwd(),
    onKey: process.stdin.isTTY ? keysOf(process.stdin) : undefined,
    onStop(listener) {
      process.on("SIGINT", listener);
      process.on("SIGTERM", listener);
      return () => {
        process.off("SIGINT", listener);
        process.off("SIGTERM", listener);
      };
    },
  };
}

const ctrlC = "\u0003";

function keysOf(stdin: NodeJS.ReadStream): (listener: (key: string) => void) => () => void {
  return (listener) => {
    const take = (data: Buffer): void => {
      for (const key of data.toString("utf8")) {
        // In raw mode the terminal makes no signal of it.
        if (key === ctrlC) process.kill(process.pid, "SIGINT");
        else listener(key);
      }
    };
    stdin.setRawMode(true);
    stdin.on("data", take).resume();
    return () => {
      stdin.off("data", take).pause();
      stdin.setRawMode(false);
    };
  };
}

/** Complaints quote servers and files, wherever they go; results for a program (JSON in a file or a pipe) stay as they are. */
interface Writer {
  write(text: string): void;
  writeNext(text: string | Uint8Array): Promise<boolean>;
}

function writerOf(stream: NodeJS.WriteStream, isFiltered: boolean): Writer {
  const shown = <Text extends string | Uint8Array>(text: Text): Text | string =>
    isFiltered && typeof text === "string" ? steady(text) : text;
  let isBroken = false;
  let wake: (() => void) | undefined;
  // The reader is gone (`| head`): there is nobody to tell, and the run goes on to its files.
  stream.on("error", () => {
    isBroken = true;
    wake?.();
  });
  return {
    write(text) {
      if (!isBroken) stream.write(shown(text));
    },
    async writeNext(text) {
      if (isBroken || stream.write(shown(text))) return !isBroken;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      stream.once("drain", resolve);
      await promise;
      stream.off("drain", resolve);
      return !isBroken;
    },
  };
}
