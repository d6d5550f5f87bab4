/**
 * A turn as AIPerf's text formats write it: what it says (`content.ts`), how it is sent and what is expected of the answer
 * (`expectation.ts`). `model`, `headers` and `reset_context` are Assay's own: AIPerf's rows have no such fields.
 */
import type { JsonObject as JsonFields } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { maxTimestampMs } from "../../../common/turn-timestamps.ts";
import { type ContentOptions, contentFields, readContent } from "./content.ts";
import { type ExpectationOptions, expectationFields, readExpectation } from "./expectation.ts";
import { isGiven, isName, type RowProblem, type RowTurn, shownValue } from "./row.ts";

const sendingFields = ["role", "output_length", "timestamp", "delay", "extra", "model", "headers", "reset_context"] as const;

/** Every field of a turn. */
export const turnFields: readonly string[] = [...contentFields, ...sendingFields, ...expectationFields];

export interface TurnOptions extends ContentOptions {
  readonly expectations: ExpectationOptions;
}

/** RFC 9110 §5.6.2 and §5.5, without what is not ASCII. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const transportHeader = /^(connection|content-length|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
const headerValue = /^[\t -~]*$/;
const maxTokens = 10_000_000;
/** A week. */
const maxDelayMs = 604_800_000;
/** A turn and its copies fit into a message of the suite. */
const maxExtraChars = 1 << 20;

/** Reads one turn. Never throws but as `readMedia` does. */
export function readTurn(
  fields: JsonObject,
  options: TurnOptions,
): { readonly turn: RowTurn } | { readonly problem: RowProblem } {
  const problem = problemOf(fields);
  if (problem !== undefined) return { problem };
  const read = readContent(fields, options);
  if ("problem" in read) return read;
  const expectation = readExpectation(fields, options.expectations);
  if ("problem" in expectation) return expectation;
  return {
    turn: {
      messages: [{ role: (fields.role ?? "user") as ChatMessage["role"], ...read.content }],
      maxOutputTokens: numberOf(fields.output_length),
      model: typeof fields.model === "string" ? fields.model : undefined,
      // Parsed from JSON, so that nothing else can be in it.
      extraInputs: isJsonObject(fields.extra) ? (fields.extra as JsonFields) : undefined,
      delayMs: numberOf(fields.delay) ?? 0,
      timestampMs: numberOf(fields.timestamp),
      ...(isHeaders(fields.headers) ? { headers: fields.headers } : {}),
      ...(fields.reset_context === true ? { resetsHistory: true } : {}),
      ...expectation,
    },
  };
}

function problemOf(fields: JsonObject): RowProblem | undefined {
  for (const [field, expected, isRight] of rules) {
    const value = fields[field];
    if (isGiven(value) && !isRight(value)) return { field, message: `expected ${expected}, got ${shownValue(value)}` };
  }
  if (fields.timestamp && fields.delay) return { field: "delay", message: "timestamp and delay cannot be set together" };
  return undefined;
}

type Rule = readonly [field: (typeof sendingFields)[number], expected: string, isRight: (value: unknown) => boolean];

const rules: readonly Rule[] = [
  [
    "role",
    "system, user, assistant or tool",
    (value) => typeof value === "string" && /^(system|user|assistant|tool)$/.test(value),
  ],
  ["model", "a text that is not empty", isName],
  ["output_length", `a whole number from 1 to ${maxTokens}`, isLength],
  [
    "timestamp",
    `a number from 0 to ${maxTimestampMs}`,
    (value) => typeof value === "number" && value >= 0 && value <= maxTimestampMs,
  ],
  ["delay", `a number from 0 to ${maxDelayMs}`, (value) => typeof value === "number" && value >= 0 && value <= maxDelayMs],
  ["headers", "an object of texts by header names, none about the body's length or the connection", isHeaders],
  ["reset_context", "true or false", (value) => typeof value === "boolean"],
  ["extra", `an object of at most ${maxExtraChars} characters`, isExtra],
];

function isLength(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= maxTokens;
}

function isHeaders(value: unknown): value is Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return false;
  return Object.entries(value).every(
    ([name, text]) => headerName.test(name) && !transportHeader.test(name) && typeof text === "string" && headerValue.test(text),
  );
}

function isExtra(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const text = JSON.stringify(value);
  // What is not well-formed is written as an escape, and would be another text on the wire.
  return text.length <= maxExtraChars && !/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(text);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
