/**
 * The log of a process: one root, children that add fields to every line. The only file that knows winston, which is loaded
 * when the first line of an enabled level is written, since a short run of a child process should not pay for it.
 */
import { appendFileSync, createWriteStream, mkdirSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import type { Logform, transport as Transport, Logger as Winston } from "winston";
import { BurstLimit } from "./burst-limit.ts";
import { monotonicNs, wallOfMonotonic } from "./clock.ts";
import { humanLine, jsonLine, type LogEntry, type LogLevel, Secrets } from "./log-line.ts";
import type { LogFields, Logger } from "./logger.ts";

export interface LogOptions {
  /** Lowest level that is written; `silent` writes nothing. */
  readonly level: LogLevel | "silent";
  /** On every line: `service`, `instance`, `run_id`. */
  readonly fields?: LogFields;
  /** How standard error gets the lines. `auto`: for people on a terminal, JSON otherwise. Default: `auto`. */
  readonly stderr?: "auto" | "human" | "json" | "off";
  /** JSON lines are appended to these files, too; their folders are made. */
  readonly files?: readonly string[];
  /** Values that are masked wherever they stand in a line. */
  readonly secrets?: readonly string[];
  /** More lines of one level in one second are dropped and counted, and the count is logged. Default: 1000. */
  readonly maxLinesPerSec?: number;
}

/** A `Logger` that knows its destinations. Children share those of their root. */
export interface Log extends Logger {
  /** The same log with more fields on every line. */
  child(fields: LogFields): Log;
  setLevel(level: LogLevel | "silent"): void;
  /** From now on `value` is masked in every line, of all children. */
  addSecret(value: string): void;
  /** Lines from now on are appended to this file, too. A file that cannot be written is reported on the other destinations, once. */
  addFile(path: string): void;
  /** Resolves when the file holds every line written so far and is closed. */
  removeFile(path: string): Promise<void>;
  /** Resolves when every destination holds every line; further lines are dropped. Closing twice is closing once. */
  close(): Promise<void>;
}

/** The root of a process's log; whoever makes it closes it. */
export function createLog(options: LogOptions): Log {
  return logOf(new Root(options), options.fields ?? {});
}

const severity = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;
/** Lines that wait for winston. Only a stalled disk or a loop that never yields gets there. */
const maxPending = 10_000;
/** A destination that is this far behind gets no more lines until it has caught up; they are counted as dropped. */
const maxBehindBytes = 8 * 1024 * 1024;

function logOf(root: Root, fields: LogFields): Log {
  const write = (level: LogLevel) => (message: string, more?: LogFields) => root.write(level, message, fields, more);
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (more) => logOf(root, { ...fields, ...more }),
    setLevel: (level) => root.setLevel(level),
    addSecret: (value) => root.secrets.add(value),
    addFile: (path) => root.addFile(path),
    removeFile: (path) => root.removeFile(path),
    close: () => root.close(),
  };
}

/** Somewhere lines go. */
interface Destination {
  readonly stream: Writable;
  readonly render: (entry: LogEntry) => string;
  /** Writes at once, for when there is no winston: not yet, or not any more. */
  readonly writeNow: (text: string) => void;
  /** Resolves when everything written has arrived, and closes what was opened. */
  readonly end: () => Promise<void>;
  transport?: Transport;
}

class Root {
  readonly secrets = new Secrets();
  readonly #fields: LogFields;
  readonly #limit: BurstLimit<LogLevel>;
  readonly #destinations = new Map<string, Destination>();
  #level: LogLevel | "silent";
  /** Lines that came before winston did. */
  #pending: LogEntry[] = [];
  #winston: { logger: Winston; attach: (destination: Destination) => void } | undefined;
  #loading: Promise<void> | undefined;
  #isEnded = false;
  #closing: Promise<void> | undefined;

  constructor({ level, fields = {}, stderr = "auto", files = [], secrets = [], maxLinesPerSec = 1000 }: LogOptions) {
    this.#level = level;
    this.#fields = fields;
    this.#limit = new BurstLimit(maxLinesPerSec, (of, dropped) => this.#say("warn", "log lines dropped", { dropped, of }));
    for (const secret of secrets) this.secrets.add(secret);
    if (stderr !== "off") this.#destinations.set("stderr", this.#stderr(stderr));
    for (const path of files) this.addFile(path);
  }

  setLevel(level: LogLevel | "silent"): void {
    this.#level = level;
  }

  write(level: LogLevel, message: string, fields: LogFields, more?: LogFields): void {
    if (severity[level] < severity[this.#level] || this.#closing !== undefined) return;
    if (this.#limit.admit(level))
      this.#emit({ time: timeNow(), level, message, fields: more === undefined ? fields : { ...fields, ...more } });
  }

  addFile(path: string): void {
    if (this.#closing !== undefined || this.#destinations.has(path)) return;
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      this.#say("error", "log file cannot be written", { path, error });
      return;
    }
    const destination = this.#file(path);
    this.#destinations.set(path, destination);
    this.#winston?.attach(destination);
  }

  async removeFile(path: string): Promise<void> {
    await this.#loading;
    await this.#detach(path)?.end();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#limit.close();
    await this.#loading;
    const destinations = [...this.#destinations.values()];
    const logger = this.#winston?.logger;
    this.#isEnded = true;
    // Emitted when every transport has handed on what it was given.
    if (logger !== undefined) await new Promise((resolve) => logger.once("finish", resolve).end());
    await Promise.all(destinations.map((destination) => destination.end()));
  }

  /** A line of the log about itself: of its own level, whatever the limit. */
  #say(level: LogLevel, message: string, fields: LogFields): void {
    if (severity[level] >= severity[this.#level])
      this.#emit({ time: timeNow(), level, message, fields: { ...this.#fields, ...fields } });
  }

  #emit(entry: LogEntry): void {
    if (this.#destinations.size === 0) return;
    if (this.#isEnded) this.#writeNow([entry]);
    else if (this.#winston !== undefined) this.#winston.logger.log({ level: entry.level, message: entry.message, entry });
    else if (this.#pending.length < maxPending) this.#pending.push(entry);
    else this.#limit.drop(entry.level);
    this.#loading ??= this.#load();
  }

  async #load(): Promise<void> {
    process.once("exit", this.#rescue);
    const { createLogger, format, transports } = await import("winston");
    // Every transport renders for itself; winston's default would make JSON of each line first.
    const asItIs = format((info) => info)();
    const logger = createLogger({ level: "debug", levels: { error: 0, warn: 1, info: 2, debug: 3 }, format: asItIs });
    const attach = (destination: Destination) => {
      destination.transport = new transports.Stream({
        stream: destination.stream,
        format: format((info) => this.#rendered(info, destination))(),
        eol: "\n",
      });
      logger.add(destination.transport);
    };
    for (const destination of this.#destinations.values()) attach(destination);
    this.#winston = { logger, attach };
    const pending = this.#pending;
    this.#pending = [];
    for (const entry of pending) this.#emit(entry);
    process.off("exit", this.#rescue);
  }

  #rendered(info: Logform.TransformableInfo, { stream, render }: Destination): Logform.TransformableInfo | false {
    // Only #emit hands lines to winston, and each with its entry.
    const entry = info.entry as LogEntry;
    if (stream.writableLength <= maxBehindBytes) return Object.assign(info, { [messageSymbol]: render(entry) });
    this.#limit.drop(entry.level);
    return false;
  }

  /** What still waits for winston when the process ends: often the very error that ends it. */
  readonly #rescue = () => this.#writeNow(this.#pending);

  #writeNow(entries: readonly LogEntry[]): void {
    for (const { render, writeNow } of this.#destinations.values()) {
      try {
        writeNow(entries.map((entry) => `${render(entry)}\n`).join(""));
      } catch {
        // Nothing is left to tell it to.
      }
    }
  }

  #detach(name: string): Destination | undefined {
    const destination = this.#destinations.get(name);
    this.#destinations.delete(name);
    if (destination?.transport !== undefined) this.#winston?.logger.remove(destination.transport);
    return destination;
  }

  #file(path: string): Destination {
    const stream = createWriteStream(path, { flags: "a" });
    const closed = new Promise<void>((resolve) => stream.once("close", resolve));
    stream.once("error", (error) => {
      this.#detach(path);
      this.#say("error", "log file cannot be written", { path, error });
    });
    return {
      stream,
      render: (entry) => jsonLine(entry, this.secrets),
      writeNow: (text) => appendFileSync(path, text),
      end: async () => {
        stream.end();
        await closed;
      },
    };
  }

  #stderr(kind: "auto" | "human" | "json"): Destination {
    const stream = process.stderr;
    const isHuman = kind === "human" || (kind === "auto" && stream.isTTY);
    const hasColor = stream.isTTY && stream.hasColors();
    // Whoever read it is gone (EPIPE): that must end neither the process nor the other destinations.
    const onError = () => this.#detach("stderr");
    stream.on("error", onError);
    return {
      stream,
      render: (entry) => (isHuman ? humanLine(entry, this.secrets, hasColor) : jsonLine(entry, this.secrets)),
      writeNow: (text) => writeSync(2, text),
      end: async () => {
        await new Promise((resolve) => stream.write("", resolve));
        stream.off("error", onError);
      },
    };
  }
}

/** Where winston's transports look for the text of a line (`MESSAGE` of triple-beam). */
const messageSymbol = Symbol.for("message");

function timeNow(): string {
  return new Date(wallOfMonotonic(monotonicNs()) / 1e6).toISOString();
}
