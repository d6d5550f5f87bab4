/** What `--mock` starts: the program up to its subcommand. With `own`, a process that starts one itself and prints its URL. */
import { MockServer } from "../../../clients/cli/mock-server.ts";
import { runMock } from "../../../mock/command.ts";

const [command, ...rest] = process.argv.slice(2);
if (command === "own") {
  const mock = new MockServer([process.execPath, process.argv[1] ?? ""]);
  process.stdout.write(`${await mock.ready()}\n`);
} else if (command === "mock") {
  process.exitCode = await runMock(rest);
} else {
  process.stderr.write("no such command\n");
  process.exitCode = 3;
}
