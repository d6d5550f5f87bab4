/**
 * Who may call. A caller is known by a bearer token or by a verified client certificate; both give roles, and a method names the
 * least role it asks for, as does a page. Being on the same host proves nothing: any user of the machine is.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { AssayError } from "../errors.ts";
import type { Identity, Peer, Role } from "./handler.ts";

/**
 * Roles by bearer token (may be empty where certificates decide), or no authentication at all: then everyone who can connect
 * holds every role.
 */
export type AuthOptions =
  | { readonly insecure: true }
  | { readonly insecure?: false; readonly tokens: Readonly<Record<string, Role | readonly Role[]>> };

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
  /** Who this is, if they may have what they ask for; else throws `unauthenticated` or `permission_denied`. */
  admit(facts: CallerFacts, wanted: Access): Caller;
  /** Who this is, whatever they may do: for what has to be logged of a refused call. */
  peerOf(facts: CallerFacts): Peer;
}

const ALL_ROLES: readonly Role[] = ["viewer", "operator", "member"];
const ROLE_URI = "URI:assay:role:";

export function createAuthorizer(options: AuthOptions): Authorizer {
  const tokens = options.insecure === true ? [] : knownTokens(options.tokens);
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
    const tokenRoles = token === undefined ? undefined : rolesOfToken(tokens, token);
    const identity: Identity = proved?.identity ?? { kind: tokenRoles === undefined ? "anonymous" : "token" };
    const isLoopback = isLoopbackAddress(facts.remoteAddress);
    return {
      peer: { address: addressOf(facts), isLoopback, identity },
      roles: options.insecure === true ? ALL_ROLES : [...new Set([...(proved?.roles ?? []), ...(tokenRoles ?? [])])],
      hasUnknownToken: facts.authorization !== undefined && tokenRoles === undefined,
    };
  };

  return {
    peerOf: (facts) => identify(facts).peer,
    admit(facts, wanted) {
      const { peer, roles, hasUnknownToken } = identify(facts);
      const isOpen = options.insecure === true || (wanted.isOpenOnLoopback && peer.isLoopback);
      if (isOpen || (!hasUnknownToken && satisfies(roles, wanted.roles))) return { peer, roles };
      throw refusalOf(wanted, peer, hasUnknownToken);
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

interface KnownToken {
  readonly digest: Buffer;
  readonly roles: readonly Role[];
}

// Digests have one length, which the constant-time comparison demands, and keep the tokens themselves out of heap dumps of a server.
function knownTokens(tokens: Readonly<Record<string, Role | readonly Role[]>>): KnownToken[] {
  return Object.entries(tokens).map(([token, roles]) => {
    if (token === "") throw new AssayError("invalid_argument", "a bearer token must not be empty");
    return { digest: digestOf(token), roles: typeof roles === "string" ? [roles] : roles };
  });
}

// Compares with every known token whatever the outcome: the time taken tells nothing about them.
function rolesOfToken(tokens: readonly KnownToken[], token: string): readonly Role[] | undefined {
  const digest = digestOf(token);
  let roles: readonly Role[] | undefined;
  for (const known of tokens) if (timingSafeEqual(known.digest, digest)) roles = known.roles;
  return roles;
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function bearerTokenOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

/** Whether an IP address is one of this host's loopback addresses (127.0.0.0/8, ::1, also mapped into IPv6). */
export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}

function addressOf({ remoteAddress, remotePort }: CallerFacts): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
