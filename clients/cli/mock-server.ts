/** The built-in server as a process of this command: `--mock`, `assay doctor`. */
import { AssayError } from "../../services/common/errors.ts";
import { Companion } from "./companion.ts";

/** An answer of the default 32 tokens takes 360 ms, so that the default 100 requests, 8 at once, take some seconds. */
const usualArguments: readonly string[] = ["--stamps", "--ttft", "50", "--itl", "10"];

const readyTimeoutMs = 10_000;

export class MockServer {
  readonly #companion: Companion;

  /** Starts it at once. `command`: program and arguments up to the subcommand. `options` of `assay mock`: how it answers. */
  constructor(command: readonly string[], options = usualArguments) {
    this.#companion = new Companion({
      name: "mock",
      command: [...command, "mock", "--end-with-input", "--port", "0", ...options],
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
