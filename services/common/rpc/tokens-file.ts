/**
 * Tokens of people and programs in a file: a line each, `NAME ROLE[,ROLE] sha256:HASH`. Only hashes are kept: whoever reads the file can
 * call nobody. Empty lines and those that begin with `#` mean nothing.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { AssayError, messageOf } from "../errors.ts";
import { type WatchedFiles, type Watching, watchFiles } from "../watched-files.ts";
import { ANY_ROLE, type Role } from "./handler.ts";

export interface NamedToken {
  /** In logs: letters, digits, dots, dashes, underscores, at most 64. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** SHA-256 of the token. */
  readonly digest: Buffer;
}

export type WatchedTokens = WatchedFiles<readonly NamedToken[]>;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Whether a token may have this name. */
export function isTokenName(name: string): boolean {
  return namePattern.test(name);
}

/** A new token: 256 random bits, behind a word by which scanners for secrets find it. */
export function newToken(): string {
  return `assay_${randomBytes(32).toString("base64url")}`;
}

/** No salt, and one round: what is hashed is 256 random bits, which nobody guesses however fast each guess is. */
export function digestOfToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** The line of a token, without its end. */
export function lineOfToken({ name, roles, digest }: NamedToken): string {
  return `${name} ${roles.join(",")} sha256:${digest.toString("hex")}`;
}

/** Throws `invalid_argument` with the number of the first line that is none, or gives a name a second time. */
export function parseTokens(text: string): NamedToken[] {
  const tokens: NamedToken[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const token = tokenOfLine(line.trim());
    const problem = (what: string) => new AssayError("invalid_argument", `line ${index + 1}: ${what}`);
    // What stands there may be a token that somebody wrote into the wrong file: it is not repeated.
    if (token === undefined) throw problem(`must be NAME ROLE[,ROLE] sha256:HASH, of the roles ${ANY_ROLE.join(", ")}`);
    if (tokens.some(({ name }) => name === token.name)) throw problem(`there is a token ${token.name} above`);
    tokens.push(token);
  }
  return tokens;
}

/** Reads a file, and again when it is replaced. Throws `invalid_argument`, naming it, for one that cannot be used. */
export function watchTokens(path: string, watching: Watching = {}): WatchedTokens {
  return watchFiles({
    what: "tokens",
    paths: [path],
    load: () => readTokens(path),
    ...watching,
  });
}

/** Throws as `watchTokens`. */
export function readTokens(path: string): NamedToken[] {
  try {
    // Whoever can write into it can give roles.
    if ((statSync(path).mode & 0o022) !== 0) throw new AssayError("invalid_argument", "others can write to it: chmod 600 it");
    return parseTokens(readFileSync(path, "utf8"));
  } catch (error) {
    throw new AssayError("invalid_argument", `--tokens-file ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function tokenOfLine(line: string): NamedToken | undefined {
  const [, name = "", list = "", hex = ""] = /^(\S+)\s+(\S+)\s+sha256:([0-9a-f]{64})$/.exec(line) ?? [];
  const roles = list.split(",").flatMap((word) => ANY_ROLE.filter((role) => role === word));
  if (!isTokenName(name) || roles.length !== list.split(",").length) return undefined;
  return { name, roles, digest: Buffer.from(hex, "hex") };
}
