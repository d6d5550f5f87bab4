/**
 * Endpoints of a user's own module. The module is trusted as little as an answer is: what it exports is checked before anything is
 * sent, and a function of it that throws or gives nonsense makes the record of its request an error. Pure.
 */
import { AssayError, messageOf } from "../services/common/errors.ts";
import { builtInEndpoints, type EndpointCatalog, type EndpointOptions } from "./catalog.ts";
import type { Endpoint, ParsedResponse } from "./endpoint.ts";
import { isJsonObject } from "./json-body.ts";
import { requestErrorCodes, requestErrorPhases } from "./outcome.ts";
import { shapeOf, shapeProblem } from "./own-shape.ts";
import { requestError } from "./target-error.ts";
import { type EndpointTools, endpointTools } from "./tools.ts";

/** An endpoint of one request a turn, without its name, which is that of its factory. It takes turns of all kinds and gives text where it says nothing else. */
export type OwnEndpoint = Omit<
  Endpoint,
  "name" | "takes" | "produces" | "needs" | "reservedInputs" | "needsModelTensors" | "ofSession" | "next" | "protocol"
> &
  Partial<Pick<Endpoint, "takes" | "produces">>;

/** Called once in each process and run, and once to check the module: it makes an endpoint and does nothing else. */
export type OwnEndpointFactory = (options: EndpointOptions, tools: EndpointTools) => OwnEndpoint;

/** What a module of `--endpoint-module` exports: its endpoints, by the names that `--endpoint-type` takes. */
export interface EndpointModule {
  readonly endpoints: Readonly<Record<string, OwnEndpointFactory>>;
}

/** The built-in endpoints and those of a module. Throws `invalid_argument` saying what the module lacks. */
export function withOwnEndpoints(exported: unknown): EndpointCatalog {
  const endpoints = isJsonObject(exported) ? exported.endpoints : undefined;
  const entries = isJsonObject(endpoints) ? Object.entries(endpoints) : [];
  if (entries.length === 0) refuse('must export endpoints, as { "my-api": (options, tools) => endpoint }');
  const own = new Map(entries.map(([name, factory]) => [name, checkedFactory(name, factory)]));
  return {
    names: [...builtInEndpoints.names, ...own.keys()],
    create: (name, options = {}) => own.get(name)?.(options) ?? builtInEndpoints.create(name, options),
  };
}

function checkedFactory(name: string, factory: unknown): (options: EndpointOptions) => Endpoint {
  // It becomes part of the name of the run's folder.
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(name)) {
    refuse(`a name must be 1 to 64 lower case letters, digits, - or _, got ${JSON.stringify(name)}`);
  }
  if (builtInEndpoints.names.includes(name)) refuse(`there is an endpoint ${name} already: take another name`);
  if (typeof factory !== "function") refuse(`endpoint ${name} must be a function that makes it, got ${typeof factory}`);
  const make = (options: EndpointOptions): Endpoint => {
    let made: unknown;
    try {
      made = factory(options, endpointTools);
    } catch (error) {
      refuse(`endpoint ${name} cannot be made: ${messageOf(error)}`);
    }
    settle(made);
    return checkedEndpoint(name, made);
  };
  make({});
  return make;
}

function checkedEndpoint(name: string, made: unknown): Endpoint {
  if (!isJsonObject(made)) refuse(`endpoint ${name}: its function must return an object, got ${typeof made}`);
  const problem = shapeProblem(made);
  if (problem !== undefined) refuse(`endpoint ${name}: ${problem}`);
  for (const key of ["formatBody", "parse"] as const) {
    if (typeof made[key] !== "function") refuse(`endpoint ${name}: ${key} must be a function, got ${typeof made[key]}`);
  }
  return guarded(made as unknown as OwnEndpoint, name);
}

/** `formatBody` throws AssayErrors alone, `parse` nothing. */
function guarded(own: OwnEndpoint, name: string): Endpoint {
  return {
    name,
    ...shapeOf(own),
    formatBody(turn) {
      const body: unknown = called(`formatBody of endpoint ${name}`, () => own.formatBody(turn));
      if (body instanceof Uint8Array) return body;
      settle(body);
      throw new AssayError("failed_precondition", `formatBody of endpoint ${name} must return a Uint8Array, got ${kindOf(body)}`);
    },
    parse(response) {
      try {
        const parsed: unknown = called(`parse of endpoint ${name}`, () => own.parse(response));
        const problem = problemOf(parsed);
        if (problem === undefined) return parsed as ParsedResponse;
        settle(parsed);
        return failed(`parse of endpoint ${name}: ${problem}`);
      } catch (error) {
        return failed(messageOf(error));
      }
    },
  };
}

function called(what: string, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    throw new AssayError("failed_precondition", `${what} threw: ${messageOf(error)}`, { cause: error });
  }
}

/** A promise that nobody waits for would end the process when it is rejected. */
function settle(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}

function failed(message: string): ParsedResponse {
  return {
    error: requestError("endpoint_module", "parse", message),
    contentNs: new Float64Array(0),
    firstOutputNs: undefined,
    coalescedChunks: 0,
    outputText: "",
    reasoningText: "",
    usage: undefined,
    finishReason: undefined,
    isStreamIgnored: false,
  };
}

/** What keeps a value from being a ParsedResponse. */
function problemOf(value: unknown): string | undefined {
  if (!isJsonObject(value) || value instanceof Promise) return `it must return an object, got ${kindOf(value)}`;
  for (const [key, { expected, isGood }] of Object.entries(parsedFields)) {
    if (!isGood(value[key])) return `${key} must be ${expected}, got ${kindOf(value[key])}`;
  }
  return undefined;
}

interface FieldRule {
  readonly expected: string;
  readonly isGood: (value: unknown) => boolean;
}

const isText = (value: unknown): boolean => typeof value === "string";
const orAbsent = ({ expected, isGood }: FieldRule): FieldRule => ({
  expected: `${expected} or undefined`,
  isGood: (value) => value === undefined || isGood(value),
});
const text: FieldRule = { expected: "a text", isGood: isText };
const count: FieldRule = {
  expected: "a number, 0 or more",
  isGood: (value) => typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY,
};

const parsedFields: Readonly<Record<keyof Required<Omit<ParsedResponse, "tensors">>, FieldRule>> = {
  error: orAbsent({ expected: "{ code, phase, message } of the known codes and phases", isGood: isRequestError }),
  contentNs: { expected: "a Float64Array of ascending numbers", isGood: isAscending },
  firstOutputNs: orAbsent(count),
  firsts: orAbsent({ expected: "an object of moments", isGood: isNumbers }),
  coalescedChunks: count,
  outputText: text,
  reasoningText: text,
  usage: orAbsent({ expected: "an object of counts", isGood: isNumbers }),
  finishReason: orAbsent(text),
  isStreamIgnored: { expected: "true or false", isGood: (value) => typeof value === "boolean" },
  outputCount: orAbsent(count),
  others: orAbsent({ expected: "{ count, ended, outputText, reasoningText }", isGood: isOthers }),
  answerId: orAbsent(text),
  specDecode: orAbsent({ expected: "{ steps, accepted, drafted }", isGood: isSpecDecode }),
  serverTimes: orAbsent({ expected: "an object of times", isGood: isNumbers }),
  videoInferenceSec: orAbsent(count),
  videoPeakMemoryMb: orAbsent(count),
  calling: orAbsent({ expected: "{ text, calls } with at least one call of { id, name, argumentsText }", isGood: isCalling }),
};

function isNumbers(value: unknown): boolean {
  return isJsonObject(value) && Object.values(value).every((one) => one === undefined || count.isGood(one));
}

function isCalling(value: unknown): boolean {
  if (!isJsonObject(value) || !isText(value.text) || !Array.isArray(value.calls) || value.calls.length === 0) return false;
  return value.calls.every(
    (call: unknown) => isJsonObject(call) && [call.id, call.name, call.argumentsText].every((one) => isText(one)),
  );
}

function isOthers(value: unknown): boolean {
  if (!isJsonObject(value) || ![value.count, value.ended].every((one) => count.isGood(one))) return false;
  return isText(value.outputText) && isText(value.reasoningText);
}

function isSpecDecode(value: unknown): boolean {
  return isJsonObject(value) && [value.steps, value.accepted, value.drafted].every((one) => count.isGood(one));
}

function isRequestError(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { code, phase, message } = value;
  return requestErrorCodes.some((one) => one === code) && requestErrorPhases.some((one) => one === phase) && isText(message);
}

function isAscending(value: unknown): boolean {
  return (
    value instanceof Float64Array &&
    value.every((ns, index) => Number.isFinite(ns) && ns >= (index === 0 ? 0 : (value[index - 1] ?? 0)))
  );
}

function kindOf(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return value === null ? "null" : value instanceof Promise ? "a promise" : typeof value;
}

function refuse(description: string): never {
  throw new AssayError("invalid_argument", description);
}
