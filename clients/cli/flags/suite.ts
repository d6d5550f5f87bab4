import type { FlagTable } from "./flag.ts";

export const suiteFlags = {
  controller: {
    flag: "--controller",
    kind: { is: "address" },
    value: "HOST:PORT",
    group: "Suite",
    doc: "run on this suite (assay serve) instead of starting one",
  },
  tokenFile: {
    flag: "--token-file",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "file with the suite's token (default $ASSAY_TOKEN, else the file that a local assay serve wrote)",
  },
  tls: {
    flag: "--tls",
    kind: { is: "switch" },
    group: "Suite",
    doc: "the suite speaks TLS with a certificate of a public authority",
  },
  tlsCa: {
    flag: "--tls-ca",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of the authority of the suite's certificate; it speaks TLS then",
  },
  tlsCert: {
    flag: "--tls-cert",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of a certificate of one's own, for a suite that asks for one",
  },
  tlsKey: {
    flag: "--tls-key",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of its key",
  },
  insecure: {
    flag: "--insecure",
    kind: { is: "switch" },
    group: "Suite",
    doc: "permits that a token goes in clear to a suite on another host",
  },
} as const satisfies FlagTable;
