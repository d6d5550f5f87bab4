/** The program: which command, what it needs loaded, its exit code. Everything else is loaded by the command itself. */

/** What is still on its way to the terminal or a pipe gets out in this time. */
const exitMs = 500;

// What packages do that Node advises against (TLS to an address: DEP0123), whoever uses the program can do nothing about.
process.noDeprecation = true;
// Not awaited at the top level: a bundle of CommonJS, which starts faster, has no such await.
void main(process.argv.slice(2));

async function main(argv: string[]): Promise<void> {
  process.exitCode = await run(argv);
  // A connection that is still being opened to a host that is gone would keep a finished process alive for minutes.
  setTimeout(() => process.exit(), exitMs).unref();
}

async function run(argv: string[]): Promise<number> {
  const [command = "", ...rest] = argv;
  switch (command) {
    case "serve": {
      const { serve } = await import("./serve.ts");
      return serve(rest);
    }
    case "mock": {
      const { runMock } = await import("../mock/command.ts");
      return runMock(rest);
    }
    default: {
      const { runCli } = await import("../clients/cli/command.ts");
      return runCli(argv, undefined, {
        doctor: async (asked) => (await import("./doctor.ts")).doctor(asked),
        runsRecover: async ({ operands }) => (await import("./recover.ts")).recover(operands),
        variables: async () => (await import("./manual.ts")).serviceVariables(),
        completion: async ({ operands }) => (await import("./manual.ts")).printCompletion(operands),
      });
    }
  }
}
