import type { FlagTable } from "./flag.ts";

export const configurationFlags = {
  config: {
    flag: "--config",
    aliases: ["-f"],
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Configuration",
    doc: "YAML or JSON file with a RunSpec, or a file of AIPerf's (YAML v2); environment, options and --set win over it",
  },
  settings: {
    flag: "--set",
    kind: { is: "settings" },
    value: "PATH=VALUE",
    group: "Configuration",
    doc: "one field of the RunSpec, as target.idle_timeout_sec=5 or phases[0].stop.duration_sec=60; repeatable, wins over all else",
  },
} as const satisfies FlagTable;
