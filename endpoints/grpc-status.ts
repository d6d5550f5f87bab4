/** How calls of gRPC end, and which error of a request that is. Pure. */
import { grpcErrorCodes, type RequestError, type RequestErrorPhase } from "./outcome.ts";
import { isContextOverflow, requestError } from "./target-error.ts";

/** The content type of calls and of their answers; `+proto` may stand behind it. */
export const grpcContentType = "application/grpc";

/**
 * The error of a call that ended with this status; undefined: it ended well.
 * @param status the value of `grpc-status`
 * @param words the value of `grpc-message`, as it came
 */
export function grpcError(status: string, words: string, phase: RequestErrorPhase): RequestError | undefined {
  if (status === "0") return undefined;
  const said = decodedWords(words);
  const own = (/^\d+$/.test(status) ? grpcErrorCodes[Number(status) - 1] : undefined) ?? "grpc_unknown";
  const code = isContextOverflow(said) ? "context_overflow" : own;
  return requestError(code, phase, said === "" ? `grpc status ${status}` : `grpc status ${status}: ${said}`);
}

const decoder = new TextDecoder();

/** Bytes in percent and two digits become text; what is malformed stays as it is, as gRPC wants it. */
function decodedWords(words: string): string {
  return words.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (part) => {
    const bytes = part.slice(1).split("%");
    return decoder.decode(Uint8Array.from(bytes, (digits) => Number.parseInt(digits, 16)));
  });
}
