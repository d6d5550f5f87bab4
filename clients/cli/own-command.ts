/** This very program. */

/** Program and arguments up to the subcommand: starts processes of this version. */
export function ownCommand(): string[] {
  const [, entry = ""] = process.argv;
  return [process.execPath, ...process.execArgv, entry];
}
