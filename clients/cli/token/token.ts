/** `assay token create` and `assay token revoke`: tokens of people and programs, of which a suite knows the hashes. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { harmless } from "../../../report/text.ts";
import { AssayError, messageOf } from "../../../services/common/errors.ts";
import {
  digestOfToken,
  isTokenName,
  lineOfToken,
  type NamedToken,
  newToken,
  readTokens,
} from "../../../services/common/rpc/tokens-file.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { refuse } from "../refuse.ts";
import { writeWhole } from "../whole-file.ts";
import type { tokenCreateFlags, tokenRevokeFlags } from "./flags.ts";

/** The token goes to its file or to standard output and nowhere else; its line is appended, so that two at once do not lose one. */
export async function tokenCreate({ options, operands, name, terminal }: Asked<typeof tokenCreateFlags>): Promise<number> {
  const [tokenName = ""] = operands;
  const { tokensFile = "", role = [], output } = options;
  if (!isTokenName(tokenName)) {
    return refuse(terminal, name, [`NAME ${tokenName}: expected at most 64 letters, digits, dots, dashes and underscores`]);
  }
  try {
    const path = resolve(terminal.cwd, tokensFile);
    if (known(path).some((token) => token.name === tokenName)) {
      throw new AssayError("already_exists", `${path} has a token ${tokenName} already: assay token revoke takes it out`);
    }
    const token = newToken();
    if (output !== undefined) writeFileSync(resolve(terminal.cwd, output), `${token}\n`, { mode: 0o600, flag: "wx" });
    const roles = [...new Set(role)] as NamedToken["roles"];
    const line = lineOfToken({ name: tokenName, roles, digest: digestOfToken(token) });
    // A person's editor may have left the last line without its end.
    const isOpen = existsSync(path) && /[^\n]$/.test(readFileSync(path, "utf8"));
    appendFileSync(path, `${isOpen ? "\n" : ""}${line}\n`, { mode: 0o600 });
    if (output === undefined) terminal.out(`${token}\n`);
    terminal.err(`${harmless(path)}: ${tokenName}, ${roles.join(", ")}\n`);
    return exitCodes.ok;
  } catch (error) {
    terminal.err(`${name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

/** Everything else in the file stays as it is. */
export async function tokenRevoke({ options, operands, name, terminal }: Asked<typeof tokenRevokeFlags>): Promise<number> {
  const [tokenName = ""] = operands;
  const path = resolve(terminal.cwd, options.tokensFile ?? "");
  try {
    if (!known(path).some((token) => token.name === tokenName)) {
      throw new AssayError("not_found", `${path} has no token ${tokenName}`);
    }
    const lines = readFileSync(path, "utf8").split("\n");
    writeWhole(path, lines.filter((line) => line.trim().split(/\s/)[0] !== tokenName).join("\n"), 0o600);
    return exitCodes.ok;
  } catch (error) {
    terminal.err(`${name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

/** None where there is no file. Throws, naming it, for one that a suite would not take. */
function known(path: string): NamedToken[] {
  return existsSync(path) ? readTokens(path) : [];
}
