/** Error answers and their bodies: OpenAI's error object, with vLLM's fields where vLLM's clients know them so. Pure. */
import { asciiJson } from "./ascii-json.ts";

/** A request that is refused: the HTTP status and the fields of the error object. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | number | null;
}

export function refusal(status: number, message: string, param: string | null = null, code: string | null = null): Refusal {
  return { status, message, type: typeOf(status), param, code };
}

export function isRefusal(value: object): value is Refusal {
  return "status" in value;
}

/** vLLM's answer to a request for a model that it does not serve; `code` repeats the status. */
export function unknownModel(model: string): Refusal {
  return { status: 404, message: `The model \`${model}\` does not exist.`, type: "NotFoundError", param: "model", code: 404 };
}

/** OpenAI's answer to a request without a key, or with a wrong one. */
export function unauthorized(hasKey: boolean): Refusal {
  return hasKey
    ? refusal(401, "Incorrect API key provided.", null, "invalid_api_key")
    : refusal(401, "You didn't provide an API key. It is expected as 'authorization: Bearer KEY'.");
}

/** What a failure on purpose says. */
export function injected(status: number): Refusal {
  return refusal(status, `this failure was asked for: status ${status}`, null, status === 429 ? "rate_limit_exceeded" : null);
}

/** The error object of an answer that had begun well. */
export function injectedInBand(): Refusal {
  return refusal(500, "this failure was asked for: an error inside an answer");
}

export function errorBody({ message, type, param, code }: Refusal): string {
  return asciiJson({ error: { message, type, param, code } });
}

/** As Anthropic's API says it. */
export function anthropicError({ status, message, type }: Refusal): string {
  return asciiJson({ type: "error", error: { type: anthropicTypes[status] ?? (status >= 500 ? "api_error" : type), message } });
}

const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  529: "overloaded_error",
};

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
