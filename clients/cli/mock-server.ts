/** `--mock`: the built-in server as a process of this run. */
import { AssayError } from "../../services/common/errors.ts";
import { Companion } from "./companion.ts";

/** An answer of the default 32 tokens takes 360 ms, so that the default 100 requests, 8 at once, take some seconds. */
const mockArguments = ["mock", "--port", "0", "--stamps", "--ttft", "50", "--itl", "10"];

/** `assay mock` by itself lives until a signal: this ends it with its stdin, however its parent ends. */
const endWithParent = "data:text/javascript,process.stdin.on('close',()=>process.exit()).resume()";

const readyTimeoutMs = 10_000;

export class MockServer {
  readonly #companion: Companion;

  /** Starts it at once. `command`: program and arguments up to the subcommand. */
  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.#companion = new Companion({
      name: "mock",
      command: [program, "--import", endWithParent, ...args, ...mockArguments],
      // Requests in flight are still answered after a Ctrl-C.
      isDetached: true,
    });
  }

  /** Its URL, once it listens. Throws `unavailable`, or `deadline_exceeded` after 10 s. */
  async ready(): Promise<string> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const error = new AssayError("deadline_exceeded", `the built-in server does not listen after ${readyTimeoutMs / 1000} s`);
    const timer = setTimeout(reject, readyTimeoutMs, error);
    try {
      const line = await Promise.race([this.#companion.firstLine, late]);
      const url = /^listening on (http:\/\/\S+)$/.exec(line ?? "")?.[1];
      if (url !== undefined) return url;
      const { how, lastWords } = await Promise.race([this.#companion.ended, late]);
      throw new AssayError("unavailable", `the built-in server did not start: ${how}${lastWords === "" ? "" : `\n${lastWords}`}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    await this.#companion.stop(1000);
  }

  async kill(): Promise<void> {
    await this.#companion.kill();
  }
}
