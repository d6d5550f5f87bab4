/** A command line that was read: what a command gets. */
import type { FlagTable, OptionsOf } from "./flags/flag.ts";
import type { Terminal } from "./terminal.ts";

/** Where an option was given. */
export type Origin = "argument" | "environment";

/** What was given on the command line and in the environment, together. */
export interface GivenOptions<T extends FlagTable> {
  readonly options: OptionsOf<T>;
  /** Names of those that were meant to be given, readable or not, with where. */
  readonly origins: ReadonlyMap<string, Origin>;
}

export interface Asked<T extends FlagTable> extends GivenOptions<T> {
  /** As many as the command has, optional ones aside. */
  readonly operands: readonly string[];
  /** `assay runs show`, as it was called; before complaints. */
  readonly name: string;
  /** Arguments after the command. */
  readonly argv: readonly string[];
  readonly terminal: Terminal;
}

/** Carries a command out. Resolves with the exit code when everything that it started has ended. */
export type Execute<T extends FlagTable> = (asked: Asked<T>) => Promise<number>;
