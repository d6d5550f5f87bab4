/** Options of `assay watch`. */
import type { GivenOptions } from "./asked.ts";
import { aboveZero, type FlagTable, uint32 } from "./flags/flag.ts";
import { healthFlags, runFlags } from "./flags.ts";

const limit = { kind: { is: "integer", min: 1, max: uint32 }, value: "N", group: "Load" } as const;

export const watchFlags = {
  setRate: {
    flag: "--set-rate",
    kind: aboveZero,
    value: "PER_SEC",
    group: "Load",
    doc: "requests per second from now on; the schedule goes on from where it stands",
  },
  setConcurrency: { ...limit, flag: "--set-concurrency", doc: "requests at once from now on, or the ceiling beside a rate" },
  setPrefillConcurrency: {
    ...limit,
    flag: "--set-prefill-concurrency",
    doc: "requests that wait for their first token at once, from now on",
  },
  pause: {
    flag: "--pause",
    kind: { is: "switch" },
    group: "Load",
    doc: "send nothing until --resume; the schedule stands still",
  },
  resume: { flag: "--resume", kind: { is: "switch" }, group: "Load", doc: "go on" },
  stop: {
    flag: "--stop",
    kind: { is: "switch" },
    group: "Load",
    doc: "end the run as Ctrl-C does: wait for what is in flight, keep the results",
  },
  follow: { flag: "--follow", kind: { is: "switch" }, group: "Output", doc: "follow the run after the change" },
  quiet: runFlags.quiet,
  ...healthFlags,
  controller: { ...runFlags.controller, doc: "the suite that runs it (default: those of this user on this machine are asked)" },
} as const satisfies FlagTable;

/** What is wrong between options, one line each. */
export function problemsOfWatch({ options, origins }: GivenOptions<typeof watchFlags>): string[] {
  const problems: string[] = [];
  if (options.controller === undefined && origins.get("tokenFile") === "argument") {
    problems.push("--token-file: only with --controller; a suite of this machine says itself where its token is");
  }
  if (options.pause && options.resume) problems.push("--pause: not together with --resume");
  const changes = ["setRate", "setConcurrency", "setPrefillConcurrency", "pause", "resume"] as const;
  for (const name of changes)
    if (options.stop && options[name]) problems.push(`--stop: not together with ${watchFlags[name].flag}`);
  return problems;
}
