/**
 * Who may call. A caller is known by a bearer token or by a verified client certificate; both give roles, and a method names the
 * least role it asks for, as does a page. Being on the same host proves nothing: any user of the machine is.
 */
import { timingSafeEqual } from "node:crypto";
import { AssayError } from "../errors.ts";
import { type FailureLimit, FailureMeter } from "./failure-meter.ts";
import type { Identity, Peer, Role } from "./handler.ts";
import { digestOfToken, type NamedToken } from "./tokens-file.ts";

/**
 * Roles by bearer token (may be empty where certificates decide), or no authentication at all: then everyone who can connect
 * holds every role.
 */
export type AuthOptions =
  | { readonly insecure: true }
  | {
      readonly insecure?: false;
      readonly tokens: Readonly<Record<string, Role | readonly Role[]>>;
      /** Further tokens, by name: asked at every call, so that another answer holds from then on. Default: none. */
      readonly named?: (() => readonly NamedToken[]) | undefined;
      /** Default: none. */
      readonly failures?: FailureLimit | undefined;
    };

/** What is known of a connection and a request before anybody is believed. */
export interface CallerFacts {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The client certificate, only if the TLS layer verified it against the server's CA. */
  readonly certificate?: VerifiedCertificate | undefined;
  /** The `authorization` metadata or header. */
  readonly authorization?: string | undefined;
}

/** The fields of Node's `PeerCertificate` that are read. */
export interface VerifiedCertificate {
  readonly subject?: { readonly CN?: string | string[] };
  readonly subjectaltname?: string | undefined;
  readonly fingerprint256?: string;
}

export interface Caller {
  readonly peer: Peer;
  readonly roles: readonly Role[];
}

/** Who may have something: a method, or a page. */
export interface Access {
  /** In messages. */
  readonly name: string;
  /** Any one of these will do. */
  readonly roles: readonly Role[];
  /** Open to everyone on this host, whatever `roles` says. */
  readonly isOpenOnLoopback: boolean;
}

/** Decides for one server. */
export interface Authorizer {
  /**
   * Who this is, if they may have what they ask for; else throws `unauthenticated` or `permission_denied`, or `resource_exhausted` where
   * their address has failed too often.
   */
  admit(facts: CallerFacts, wanted: Access): Caller;
  /** Who this is, whatever they may do: for what has to be logged of a refused call. */
  peerOf(facts: CallerFacts): Peer;
}

const ALL_ROLES: readonly Role[] = ["viewer", "operator", "member"];
const ROLE_URI = "URI:assay:role:";

/** Looks at the named tokens anew at every call, since their file may change; counts failures where the options bound them. */
export function createAuthorizer(options: AuthOptions): Authorizer {
  const own = options.insecure === true ? [] : knownTokens(options.tokens);
  const named = (options.insecure === true ? undefined : options.named) ?? (() => []);
  const meter = options.insecure === true || options.failures === undefined ? undefined : new FailureMeter(options.failures);
  const byCertificate = new WeakMap<VerifiedCertificate, { identity: Identity; roles: readonly Role[] }>();

  // One certificate object per connection: its roles are read once, not at every call.
  const certified = (certificate: VerifiedCertificate) => {
    let known = byCertificate.get(certificate);
    if (known === undefined) {
      known = { identity: identityOfCertificate(certificate), roles: rolesOfCertificate(certificate.subjectaltname) };
      byCertificate.set(certificate, known);
    }
    return known;
  };

  const identify = (facts: CallerFacts): Caller & { hasUnknownToken: boolean } => {
    const proved = facts.certificate === undefined ? undefined : certified(facts.certificate);
    const token = bearerTokenOf(facts.authorization);
    const known = token === undefined ? undefined : tokenOf([...own, ...named()], token);
    const identity = proved?.identity ?? identityOfToken(known);
    const isLoopback = isLoopbackAddress(facts.remoteAddress);
    return {
      peer: { address: addressOf(facts), isLoopback, identity },
      roles: options.insecure === true ? ALL_ROLES : [...new Set([...(proved?.roles ?? []), ...(known?.roles ?? [])])],
      // A member that is known by its certificate sends the suite's token wherever it calls, also where none is known.
      hasUnknownToken: facts.authorization !== undefined && known === undefined && proved?.roles.includes("member") !== true,
    };
  };

  return {
    peerOf: (facts) => identify(facts).peer,
    admit(facts, wanted) {
      const { peer, roles, hasUnknownToken } = identify(facts);
      const isOpen = options.insecure === true || (wanted.isOpenOnLoopback && peer.isLoopback);
      if (isOpen || (!hasUnknownToken && satisfies(roles, wanted.roles))) return { peer, roles };
      const refusal = refusalOf(wanted, peer, hasUnknownToken);
      if (refusal.code === "unauthenticated") meter?.count(facts.remoteAddress);
      throw refusal;
    },
  };
}

function refusalOf({ name, roles }: Access, peer: Peer, hasUnknownToken: boolean): AssayError {
  const needed = roles.join(" or ");
  if (hasUnknownToken) return new AssayError("unauthenticated", `calling ${name}: unknown bearer token`);
  if (peer.identity.kind === "anonymous") {
    const message = `calling ${name} needs the role ${needed}: send a bearer token or a client certificate`;
    return new AssayError("unauthenticated", message);
  }
  const who = peer.identity.kind === "certificate" ? `the certificate "${peer.identity.name}"` : "this token";
  const metadata = { neededRoles: roles.join(",") };
  return new AssayError("permission_denied", `calling ${name} needs the role ${needed}, which ${who} does not give`, {
    metadata,
  });
}

/** Whether one of the needed roles is held; an operator is a viewer too. */
export function satisfies(held: readonly Role[], needed: readonly Role[]): boolean {
  return needed.some((role) => held.includes(role) || (role === "viewer" && held.includes("operator")));
}

/**
 * The roles a certificate gives: its subject alternative names that are exactly `URI:assay:role:<role>`. Node writes a name that
 * holds a comma in quotes, with the comma escaped, so splitting at ", " and comparing whole entries lets no name pass for two.
 */
export function rolesOfCertificate(subjectAltName: string | undefined): Role[] {
  const entries = (subjectAltName ?? "").split(", ");
  return ALL_ROLES.filter((role) => entries.includes(ROLE_URI + role));
}

function identityOfCertificate(certificate: VerifiedCertificate): Identity {
  const commonName = certificate.subject?.CN ?? "";
  const name = typeof commonName === "string" ? commonName : commonName.join(", ");
  return { kind: "certificate", name, fingerprint256: certificate.fingerprint256 ?? "" };
}

function identityOfToken(known: KnownToken | undefined): Identity {
  if (known === undefined) return { kind: "anonymous" };
  return { kind: "token", ...(known.name === undefined ? {} : { name: known.name }) };
}

/** Who calls, in a line of a log: `token ann`, `certificate "ann"`, `the suite's token`, `anybody`. */
export function nameOfCaller({ identity }: Peer): string {
  switch (identity.kind) {
    case "anonymous":
      return "anybody";
    case "token":
      return identity.name === undefined ? "the suite's token" : `token ${identity.name}`;
    case "certificate":
      return `certificate ${JSON.stringify(identity.name)}`;
  }
}

interface KnownToken {
  readonly name?: string;
  readonly digest: Buffer;
  readonly roles: readonly Role[];
}

// Digests have one length, which the constant-time comparison demands, and keep the tokens themselves out of heap dumps of a server.
function knownTokens(tokens: Readonly<Record<string, Role | readonly Role[]>>): KnownToken[] {
  return Object.entries(tokens).map(([token, roles]) => {
    if (token === "") throw new AssayError("invalid_argument", "a bearer token must not be empty");
    return { digest: digestOfToken(token), roles: typeof roles === "string" ? [roles] : roles };
  });
}

// Compares with every known token whatever the outcome: the time taken tells nothing about them.
function tokenOf(tokens: readonly KnownToken[], token: string): KnownToken | undefined {
  const digest = digestOfToken(token);
  let found: KnownToken | undefined;
  for (const known of tokens) if (timingSafeEqual(known.digest, digest)) found = known;
  return found;
}

function bearerTokenOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

/** Whether an IP address is one of this host's loopback addresses (127.0.0.0/8, ::1, also mapped into IPv6). */
export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}

/** Whether a host is this one: `localhost`, or one of its loopback addresses, in brackets or without. Of any other name that is not known. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || isLoopbackAddress(host.replace(/^\[|\]$/g, ""));
}

function addressOf({ remoteAddress, remotePort }: CallerFacts): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
