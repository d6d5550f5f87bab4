/** Why a suite cannot be used, in one line for people: no names of calls, and what to look at. Pure. */
import type { AssayError, ErrorCode } from "../../services/common/errors.ts";
import type { SuiteOptions } from "./suite-address.ts";

/** How a command was told to reach its suite. */
export interface GivenReach extends SuiteOptions {
  readonly controller?: string | undefined;
}

/** Before the words of whoever failed on the way; the address is the first group. */
const attempt = /calling [\w.]+\/\w+ at (\S+): /;
/** Before what the suite refuses. */
const refused = /^calling [\w.]+\/\w+ (needs the role )/;

/** The suite is not there for this caller, whatever is asked. */
const reachCodes: ReadonlySet<ErrorCode> = new Set(["unavailable", "deadline_exceeded", "unauthenticated", "permission_denied"]);

/** Whether every other call would fail as this one did. */
export function isOfReach({ code }: Pick<AssayError, "code">): boolean {
  return reachCodes.has(code);
}

/** The line for an error of a call; what the suite itself has said of a run stays as it is. */
export function suiteFailure({ code, message }: Pick<AssayError, "code" | "message">, reach: GivenReach): string {
  if (code === "unauthenticated") {
    const { controller: where = "the suite" } = reach;
    return message.endsWith("unknown bearer token")
      ? `${where} does not know this token (--token-file, ASSAY_TOKEN)`
      : `${where} asks for a token (--token-file, ASSAY_TOKEN) or a certificate (--tls-cert, --tls-key)`;
  }
  return message
    .replace(attempt, (_, address: string) => `${address} cannot be reached: `)
    .replace(refused, (_, words: string) => `this ${words}`)
    .replace(
      /: (Failed to connect|Protocol error|.*wrong version number)$/,
      (_, words: string) => `: ${handshakeText(words, reach)}`,
    )
    .replace(/tlsv13 alert certificate required$/, "it asks for a certificate (--tls-cert, --tls-key)")
    .replace(
      /(self-signed certificate in certificate chain|unable to verify the first certificate|unable to get local issuer certificate)$/,
      "$1 (--tls-ca names the authority of its certificate)",
    );
}

/** Where the two ends do not speak the same. */
function handshakeText(words: string, { tls, tlsCa, tlsCert }: GivenReach): string {
  const isTls = tls === true || tlsCa !== undefined || tlsCert !== undefined;
  if (words === "Protocol error") return "what listens there is no suite";
  if (words.endsWith("wrong version number"))
    return "what listens there speaks no TLS (--tls-ca, --tls-cert and --tls are of one that does)";
  return isTls ? "it has cut the connection" : "it has cut the connection; does it speak TLS (--tls-ca, --tls)?";
}

/** A message without the name of the call that failed on the way. */
export function withoutCall(message: string): string {
  return message.replace(attempt, "");
}
