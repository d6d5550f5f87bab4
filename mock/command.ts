/** `assay mock`: the built-in server as a command. */
import { AssayError, messageOf } from "../services/common/errors.ts";
import { parseArguments } from "./options/arguments.ts";
import { createMock, type Mock } from "./server.ts";

/**
 * Serves until SIGINT or SIGTERM, or the end of its input if asked to. The first line on stdout is `listening on http://HOST:PORT`, the second
 * `listening on grpc://HOST:PORT` if gRPC was asked for (`https`, `grpcs` in TLS), for programs; everything else goes to stderr. Resolves with the exit code: 0 stopped by a signal or help shown, 1 could not listen, 2 wrong
 * arguments (all of them named).
 */
export async function runMock(argv: readonly string[]): Promise<number> {
  const { options, wantsHelp, problems } = parseArguments(argv);
  if (wantsHelp) {
    const { helpText } = await import("./options/help.ts");
    process.stdout.write(helpText());
    return 0;
  }
  if (problems.length > 0) {
    for (const problem of problems) process.stderr.write(`assay mock: ${problem}\n`);
    process.stderr.write("assay mock --help lists the options\n");
    return 2;
  }
  let mock: Mock;
  try {
    mock = await createMock(options);
  } catch (error) {
    if (error instanceof AssayError) {
      process.stderr.write(`assay mock: ${error.message}\n`);
      return 2;
    }
    process.stderr.write(`assay mock: cannot listen on ${options.host}:${portOf(error) ?? options.port}: ${messageOf(error)}\n`);
    return 1;
  }
  process.stdout.write(`listening on ${mock.url}\n`);
  const scheme = options.tlsCert === null ? "grpc" : "grpcs";
  if (mock.grpcAddress !== null) process.stdout.write(`listening on ${scheme}://${mock.grpcAddress}\n`);
  process.stderr.write(`chat at ${mock.url}/v1/chat/completions, GPUs at ${mock.dcgmUrl}\n`);
  await (options.endsWithInput ? Promise.race([nextSignal(), inputEnd()]) : nextSignal());
  await mock.stop();
  return 0;
}

/** The port of the system's error, as there may be several. */
function portOf(error: unknown): number | undefined {
  return error instanceof Error && "port" in error && typeof error.port === "number" ? error.port : undefined;
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  });
}

function inputEnd(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once("end", resolve).once("close", resolve).once("error", resolve).resume();
  });
}
