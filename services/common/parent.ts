/**
 * A process that another one started: it learns everything over its standard input (one line of JSON, so that no secret stands
 * in arguments or environment), says that it is ready on its standard output, and ends when that input ends, however its parent ended.
 */
import { AssayError } from "./errors.ts";

/** What the parent says. */
export interface Bootstrap {
  readonly token: string | undefined;
  /** The controller's address; undefined: this process serves it. */
  readonly controller: string | undefined;
  readonly memberId: string | undefined;
  readonly logFile: string | undefined;
  readonly logLevel: string | undefined;
  /** Config by service. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Parent {
  readonly bootstrap: Bootstrap;
  /** Resolves when the parent is gone. */
  readonly gone: Promise<void>;
}

const maxLineBytes = 1 << 20;

/** Reads the bootstrap line. Rejects with `invalid_argument` for anything else, and `unavailable` when the parent ends first. */
export function readParent(input: NodeJS.ReadStream): Promise<Parent> {
  const { promise, resolve, reject } = Promise.withResolvers<Parent>();
  const gone = Promise.withResolvers<void>();
  let text = "";
  let isRead = false;
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    if (isRead) return;
    text += chunk;
    const end = text.indexOf("\n");
    if (end < 0 && text.length < maxLineBytes) return;
    isRead = true;
    try {
      resolve({ bootstrap: bootstrapOf(text.slice(0, end)), gone: gone.promise });
    } catch (error) {
      reject(error);
    }
  });
  const end = (): void => {
    reject(new AssayError("unavailable", "the parent process ended before it said anything"));
    gone.resolve();
  };
  input.once("end", end).once("close", end).once("error", end);
  return promise;
}

function bootstrapOf(line: string): Bootstrap {
  const value = parse(line);
  const text = (key: string): string | undefined =>
    typeof value[key] === "string" && value[key] !== "" ? value[key] : undefined;
  const config = value.config;
  return {
    token: text("token"),
    controller: text("controller"),
    memberId: text("memberId"),
    logFile: text("logFile"),
    logLevel: text("logLevel"),
    config: isObject(config) ? config : {},
  };
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch (error) {
    throw new AssayError("invalid_argument", "the parent process said no JSON", { cause: error });
  }
  throw new AssayError("invalid_argument", "the parent process must say a JSON object");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
