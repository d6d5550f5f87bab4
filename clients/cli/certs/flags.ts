/** Options of `assay certs`. */
import type { FlagTable } from "../flags/flag.ts";

export const certsFlags = {
  out: {
    flag: "--out",
    kind: { is: "text" },
    value: "DIR",
    completes: "folder",
    group: "Output",
    doc: "folder for the files, made where it is missing; its authority (ca.crt, ca.key) is used again (default ./certs)",
  },
  server: {
    flag: "--server",
    kind: { is: "names" },
    value: "HOST,IP,…",
    group: "Output",
    doc: "makes server.crt and server.key, for the process that serves the controller: names and addresses by which it is reached",
  },
  member: {
    flag: "--member",
    kind: { is: "texts" },
    value: "NAME[=HOST,IP,…]",
    group: "Output",
    doc: "makes NAME.crt and NAME.key, for another process of the suite: names and addresses by which it is reached (default NAME); may be given again",
  },
  client: {
    flag: "--client",
    kind: { is: "texts" },
    value: "NAME:ROLE",
    group: "Output",
    doc: "makes NAME.crt and NAME.key, for a person or a program that may what ROLE may: viewer or operator; may be given again",
  },
  days: {
    flag: "--days",
    kind: { is: "integer", min: 1, max: 3650 },
    value: "N",
    group: "Output",
    doc: "how long the certificates hold, in days, and at most as long as the authority, which holds 3650 (default 365)",
  },
  force: {
    flag: "--force",
    kind: { is: "switch" },
    group: "Output",
    doc: "writes over certificates and keys that are there; never over the authority",
  },
} as const satisfies FlagTable;
