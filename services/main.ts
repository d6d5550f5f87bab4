/** The program: which command, what it needs loaded, its exit code. Everything else is loaded by the command itself. */

const [command = "", ...rest] = process.argv.slice(2);
process.exitCode = await run(command, rest);

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
    case "recover": {
      const { recover } = await import("./recover.ts");
      return recover(argv);
    }
    default: {
      const { runCli } = await import("../clients/cli/command.ts");
      return runCli(process.argv.slice(2));
    }
  }
}
