/**
 * Makes X.509 certificates (RFC 5280). Keys, signatures and hashes are Node's; only the encoding around them is made here, since Node reads
 * certificates and makes none.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { AssayError, messageOf } from "../../../services/common/errors.ts";
import * as der from "./der.ts";

/** PEM texts; the key is PKCS #8, not encrypted. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that can sign. */
export interface Authority {
  readonly cert: string;
  readonly key: KeyObject;
}

/** When a certificate holds, as Unix time in milliseconds, to the second. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface CertificateRequest extends Validity {
  /** At most 64 characters (RFC 5280, `ub-common-name`). */
  readonly commonName: string;
  /** Host names and IP addresses by which the holder is reached. */
  readonly hosts: readonly string[];
  /** Further names of it. */
  readonly uris: readonly string[];
  /** Whether it listens, dials, or both. */
  readonly uses: readonly ("server" | "client")[];
}

const oids = {
  commonName: "2.5.4.3",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
} as const;

/** Numbers of KeyUsage's bits. */
const usageBits = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;

/** Alternatives of a GeneralName. */
const nameKinds = { dns: 2, uri: 6, ip: 7 } as const;

/** A new authority with a key of its own, which may sign certificates of hosts and clients and none of further authorities. */
export function createAuthority(commonName: string, validity: Validity): IssuedCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = nameOf(commonName);
  const extensions = [
    extension(oids.basicConstraints, true, der.sequence(der.boolean(true), der.unsignedInteger(Uint8Array.of(0)))),
    extension(oids.keyUsage, true, der.namedBits([usageBits.keyCertSign, usageBits.crlSign])),
    extension(oids.subjectKeyId, false, der.octetString(keyIdOf(publicKey))),
  ];
  return {
    cert: signed({ subject, issuer: subject, publicKey, extensions, validity, signer: privateKey }),
    key: pemOfKey(privateKey),
  };
}

/** A new certificate with a key of its own, signed by `authority`. */
export function issueCertificate(authority: Authority, request: CertificateRequest): IssuedCertificate {
  const { commonName, hosts, uris, uses } = request;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension(oids.basicConstraints, true, der.sequence()),
    extension(oids.keyUsage, true, der.namedBits([usageBits.digitalSignature])),
    extension(oids.extKeyUsage, false, der.sequence(...uses.map((use) => der.objectId(oids[use])))),
    extension(oids.subjectAltName, false, der.sequence(...hosts.map(hostName), ...uris.map(uriName))),
    extension(oids.subjectKeyId, false, der.octetString(keyIdOf(publicKey))),
    extension(oids.authorityKeyId, false, der.sequence(der.implicitly(0, keyIdOfAuthority(authority)))),
  ];
  return {
    cert: signed({
      subject: nameOf(commonName),
      issuer: fieldsOf(authority.cert).subject,
      publicKey,
      extensions,
      validity: request,
      signer: authority.key,
    }),
    key: pemOfKey(privateKey),
  };
}

/**
 * Reads an authority: PEM texts of its certificate and its key. Throws `invalid_argument` for what cannot be read, is no authority,
 * does not belong together, or signs by an algorithm other than those of `algorithmOf`.
 */
export function readAuthority(cert: string, key: string): Authority & { readonly untilMs: number } {
  const problem = (text: string, cause?: unknown) => new AssayError("invalid_argument", text, { cause });
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(cert);
    privateKey = createPrivateKey(key);
  } catch (error) {
    throw problem(messageOf(error), error);
  }
  if (!certificate.ca) throw problem("it is no certificate of an authority");
  if (!certificate.checkPrivateKey(privateKey)) throw problem("certificate and key do not belong together");
  algorithmOf(privateKey);
  return { cert, key: privateKey, untilMs: Date.parse(certificate.validTo) };
}

interface Unsigned {
  /** Encoded names. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
  readonly validity: Validity;
  readonly signer: KeyObject;
}

function signed({ subject, issuer, publicKey, extensions, validity, signer }: Unsigned): string {
  const { identifier, hash } = algorithmOf(signer);
  const version3 = der.explicitly(0, der.unsignedInteger(Uint8Array.of(2)));
  const toBeSigned = der.sequence(
    version3,
    der.unsignedInteger(serialNumber()),
    identifier,
    issuer,
    der.sequence(der.time(validity.fromMs), der.time(validity.untilMs)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicitly(3, der.sequence(...extensions)),
  );
  const certificate = der.sequence(toBeSigned, identifier, der.bitString(sign(hash, toBeSigned, signer)));
  return new X509Certificate(certificate).toString();
}

/** Unique without a list of those given: 127 random bits, never zero at the front, so that all have one length. */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** How a key signs: ECDSA and RSA with SHA-256, or Ed25519. */
function algorithmOf(key: KeyObject): { readonly identifier: Uint8Array; readonly hash: "sha256" | undefined } {
  switch (key.asymmetricKeyType) {
    case "ec":
      return { identifier: der.sequence(der.objectId("1.2.840.10045.4.3.2")), hash: "sha256" };
    case "rsa":
      return { identifier: der.sequence(der.objectId("1.2.840.113549.1.1.11"), der.nothing()), hash: "sha256" };
    case "ed25519":
      return { identifier: der.sequence(der.objectId("1.3.101.112")), hash: undefined };
    default:
      throw new AssayError("invalid_argument", `its key must be ec, rsa or ed25519, got ${key.asymmetricKeyType}`);
  }
}

function nameOf(commonName: string): Uint8Array {
  return der.sequence(der.setOf(der.sequence(der.objectId(oids.commonName), der.utf8String(commonName))));
}

/** Of a certificate, as it is encoded there: names are compared by their bytes. */
function fieldsOf(cert: string): { readonly subject: Uint8Array; readonly extensions: readonly Uint8Array[] } {
  const [toBeSigned = new Uint8Array()] = der.partsOf(new X509Certificate(cert).raw);
  // version, serial number, algorithm, issuer, validity, subject, key, and behind what hardly any has: extensions
  const parts = der.partsOf(toBeSigned);
  const last = parts.at(-1) ?? new Uint8Array();
  const hasExtensions = last[0] === der.explicitly(3, new Uint8Array())[0];
  return {
    subject: parts[5] ?? new Uint8Array(),
    extensions: hasExtensions ? der.partsOf(der.contentOf(last)) : [],
  };
}

/** What the authority itself says that its key is called, however it was made; verifiers compare the two. */
function keyIdOfAuthority({ cert, key }: Authority): Uint8Array {
  const id = der.objectId(oids.subjectKeyId);
  for (const found of fieldsOf(cert).extensions) {
    const parts = der.partsOf(found);
    const value = parts.at(-1);
    if (value !== undefined && id.equals(parts[0] ?? new Uint8Array())) return der.contentOf(der.contentOf(value));
  }
  return keyIdOf(createPublicKey(key));
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  return der.sequence(der.objectId(id), ...(isCritical ? [der.boolean(true)] : []), der.octetString(value));
}

/** RFC 5280, 4.2.1.2, method 1: the SHA-1 of the key's bits, which nobody relies on for security. */
function keyIdOf(publicKey: KeyObject): Uint8Array {
  const [, bits = new Uint8Array()] = der.partsOf(publicKey.export({ type: "spki", format: "der" }));
  return createHash("sha1").update(der.contentOf(bits).subarray(1)).digest();
}

function hostName(host: string): Uint8Array {
  return isIP(host) === 0
    ? der.implicitly(nameKinds.dns, Buffer.from(host, "latin1"))
    : der.implicitly(nameKinds.ip, addressBytes(host));
}

function uriName(uri: string): Uint8Array {
  return der.implicitly(nameKinds.uri, Buffer.from(uri, "latin1"));
}

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  // As the URL standard writes it: no address of four numbers at the end, at most one gap.
  const [front = "", back] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groupsOf = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const [head, tail] = [groupsOf(front), groupsOf(back ?? "")];
  const groups = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
