/** What a user's own endpoint is given to be short: the parts that the endpoints of this folder are made of. */
import { parseAnswer } from "./event-stream.ts";
import { encodeJson, isJsonObject, parseJson, textOf } from "./json-body.ts";
import { usageOf } from "./openai/usage.ts";
import { errorWords, requestError, statusError } from "./target-error.ts";

export const endpointTools = {
  encodeJson,
  errorWords,
  isJsonObject,
  parseAnswer,
  parseJson,
  requestError,
  statusError,
  textOf,
  usageOf,
} as const;

/** Each is described where it is written. */
export type EndpointTools = typeof endpointTools;
