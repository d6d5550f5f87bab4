/** The program: which command, what it needs loaded, its exit code. Everything else is loaded by the command itself. */

/** What is still on its way to the terminal or a pipe gets out in this time. */
const exitMs = 500;
const [command = "", ...rest] = process.argv.slice(2);
process.exitCode = await run(command, rest);
// A connection that is still being opened to a host that is gone would keep a finished process alive for minutes.
setTimeout(() => process.exit(), exitMs).unref();

async function run(name: string, argv: string[]): Promise<number> {
  switch (name) {
    case "serve": {
      const { serve } = await import("./serve.ts");
      return serve(argv);
    }
    case "mock": {
      const { runMock } = await import("../mock/command.ts");
      return runMock(argv);
    }
    default: {
      const { runCli } = await import("../clients/cli/command.ts");
      return runCli(process.argv.slice(2), undefined, {
        runsRecover: async ({ operands }) => (await import("./recover.ts")).recover(operands),
        variables: async () => (await import("./manual.ts")).serviceVariables(),
        completion: async ({ operands }) => (await import("./manual.ts")).printCompletion(operands),
      });
    }
  }
}
