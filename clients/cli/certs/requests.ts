/** Which certificates the options of `assay certs` ask for. */
import { isIP } from "node:net";
import type { GivenOptions } from "../asked.ts";
import type { certsFlags } from "./flags.ts";

export interface WantedCertificate {
  /** Common name, and of the files. */
  readonly name: string;
  /** What it is for, in words. */
  readonly purpose: string;
  readonly hosts: readonly string[];
  readonly uris: readonly string[];
  readonly uses: readonly ("server" | "client")[];
}

type Given = GivenOptions<typeof certsFlags>;

/** Roles as a server of the suite reads them out of certificates. */
const clientRoles = ["viewer", "operator"] as const;

/** Every process is reached by these on its own host, at least by itself. */
const loopbackHosts = ["localhost", "127.0.0.1", "::1"];

/** In the order of the files. What is wrong with an option is for `problemsOfCerts`. */
export function wantedCertificates({ options: { server, member = [], client = [] } }: Given): WantedCertificate[] {
  return [
    ...(server === undefined ? [] : [processOf("server", server)]),
    ...member.map((text) => {
      const [name = "", hosts = name] = text.split("=");
      return processOf(name, hosts.split(","));
    }),
    ...client.map((text): WantedCertificate => {
      const [name = "", role = ""] = text.split(":");
      return { name, purpose: `client, ${role}`, hosts: [], uris: [roleUri(role)], uses: ["client"] };
    }),
  ];
}

/** One line for each thing that is wrong. */
export function problemsOfCerts(given: Given): string[] {
  const { server = [], member = [], client = [] } = given.options;
  const names = wantedCertificates(given).map(({ name }) => name);
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  return [
    ...server.flatMap((host) => (isHostName(host) ? [] : [`--server ${host}: expected a host name or an IP address`])),
    ...member.flatMap((text) => {
      const [name = "", hosts = name, ...more] = text.split("=");
      const isRight = more.length === 0 && isName(name) && hosts.split(",").every(isHostName);
      return isRight ? [] : [`--member ${text}: expected NAME or NAME=HOST,IP,…; NAME alone is a host, too${nameRule(name)}`];
    }),
    ...client.flatMap((text) => {
      const [name = "", role = "", ...more] = text.split(":");
      const isRight = more.length === 0 && isName(name) && clientRoles.some((known) => known === role);
      return isRight ? [] : [`--client ${text}: expected NAME:ROLE, of the roles ${clientRoles.join(", ")}${nameRule(name)}`];
    }),
    ...twice.map((name) => `${name}: asked for more than once`),
  ];
}

// A suite's process listens, and dials the others: one certificate for both ends.
function processOf(name: string, hosts: readonly string[]): WantedCertificate {
  return {
    name,
    purpose: `${name === "server" ? "server" : "member"}, ${hosts.join(", ")}`,
    hosts: [...new Set([...hosts, ...loopbackHosts])],
    uris: [roleUri("member")],
    uses: ["server", "client"],
  };
}

function roleUri(role: string): string {
  return `assay:role:${role}`;
}

/** A name of up to 253 letters, digits, dots and dashes, which may begin with `*.`, or an IP address. */
function isHostName(host: string): boolean {
  return (
    isIP(host) !== 0 || (host.length <= 253 && /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*$/.test(host))
  );
}

/** It is a common name, of at most 64 characters, and the name of a file beside those of the authority. */
function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && name !== "ca";
}

function nameRule(name: string): string {
  return isName(name) ? "" : "; a name has at most 64 letters, digits, dots, dashes and underscores, and is not ca";
}
