/** Why a suite cannot be used, in one line for people: no names of calls, and what to look at. Pure. */
import type { AssayError } from "../../services/common/errors.ts";

/** Before the words of whoever failed on the way; the address is the first group. */
const attempt = /calling assay\.\S+ at (\S+): /;
/** Before what the suite refuses. */
const refused = /^calling assay\.\S+ (needs the role )/;

/** The line for an error of a call; what the suite itself has said of a run stays as it is. */
export function suiteFailure({ code, message }: Pick<AssayError, "code" | "message">, where: string): string {
  if (code !== "unauthenticated") {
    return message
      .replace(attempt, (_, address: string) => `${address} cannot be reached: `)
      .replace(refused, (_, words: string) => `this ${words}`);
  }
  return message.endsWith("unknown bearer token")
    ? `${where} does not know this token (--token-file, ASSAY_TOKEN)`
    : `${where} asks for a token (--token-file, ASSAY_TOKEN) or a certificate (--tls-cert, --tls-key)`;
}

/** A message without the name of the call that failed on the way. */
export function withoutCall(message: string): string {
  return message.replace(attempt, "");
}
