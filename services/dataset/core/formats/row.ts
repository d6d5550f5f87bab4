/** What a row of a dataset file may say, whatever its format. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";

/** One row that can be carried out. */
export interface Row {
  readonly messages: readonly ChatMessage[];
  /** Output length to ask for; undefined: the row names none. */
  readonly maxOutputTokens: number | undefined;
  readonly model: string | undefined;
  readonly sessionId: string | undefined;
  /** Merged into the body, last. */
  readonly extraInputs: JsonObject | undefined;
  /** Fields that the format does not have. */
  readonly unknownFields: readonly string[];
}

/** Why a row cannot be carried out. */
export interface RowProblem {
  /** The field that is wrong; undefined: the row as a whole. */
  readonly field: string | undefined;
  readonly message: string;
}

export type ReadRow = { readonly row: Row } | { readonly problem: RowProblem };

/** A row's value as an error names it, cut to what a line can hold. */
export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** A value that somebody gave: AIPerf takes null for nothing. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
