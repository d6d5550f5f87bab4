/** Options of `assay token create` and `assay token revoke`. */
import type { GivenOptions } from "../asked.ts";
import type { FlagTable } from "../flags/flag.ts";

const tokensFile = {
  flag: "--tokens-file",
  kind: { is: "text" },
  value: "FILE",
  completes: "file",
  group: "Output",
  doc: "file with names, roles and hashes, as assay serve --tokens-file reads it; made where it is missing",
} as const;

export const tokenCreateFlags = {
  role: {
    flag: "--role",
    kind: { is: "names", of: ["viewer", "operator", "member"] },
    value: "ROLE",
    group: "Output",
    doc: "what it may: viewer reads, operator makes runs, too, member is a process of the suite; several with commas between them",
  },
  tokensFile,
  output: {
    flag: "--output",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Output",
    doc: "file for the token, readable by its owner alone, instead of standard output",
  },
} as const satisfies FlagTable;

export const tokenRevokeFlags = {
  tokensFile: { ...tokensFile, doc: "file with names, roles and hashes, as assay serve --tokens-file reads it" },
} as const satisfies FlagTable;

/** One line for each thing that is missing. */
export function problemsOfCreate({ options, origins }: GivenOptions<typeof tokenCreateFlags>): string[] {
  return [
    // What is wrong with one that was given has been said.
    ...(options.role === undefined && !origins.has("role") ? ["--role: expected viewer, operator or member"] : []),
    ...problemsOfRevoke({ options }),
  ];
}

export function problemsOfRevoke({ options }: Pick<GivenOptions<typeof tokenRevokeFlags>, "options">): string[] {
  return options.tokensFile === undefined ? ["--tokens-file: expected the FILE of assay serve"] : [];
}
