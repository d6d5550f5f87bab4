/**
 * perf_analyzer's `--input-data` file: one document, `{"data": [{"INPUT0": [1, 2], "INPUT1": {"content": [3], "shape": [1]}}]}`. An object of
 * `data` is one request, with its tensors by name; a list of objects is a session, each of its steps a turn. Elements stand as numbers, truth
 * values or texts in lists of any depth, or in base64 (`b64`). `validation_data`, of the same form, is what the outputs have to be.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { GivenTensor } from "../../../../endpoints/kserve/tensor/given.ts";
import { bytesOfBase64 } from "../base64.ts";
import type { Format } from "./format.ts";
import { bareTurn, type ReadRow, type Row, type RowTurn, shownValue } from "./row.ts";

export const inputDataFormat: Format = {
  name: "input_data",
  fields: ["data", "validation_data"],
  recognizes: ({ data }) => {
    const first: unknown = Array.isArray(data) && Array.isArray(data[0]) ? data[0][0] : Array.isArray(data) ? data[0] : undefined;
    return isJsonObject(first) && Object.keys(first).length > 0 && Object.values(first).every(looksLikeTensor);
  },
  createReader: () => ({ read: readDocument }),
};

/** Lists of objects are bodies of other formats. */
function looksLikeTensor(value: unknown): boolean {
  if (isJsonObject(value)) return "content" in value || "b64" in value;
  return Array.isArray(value) && !isJsonObject(value[0]);
}

type Failure = { readonly problem: { readonly field: string; readonly shownField: string; readonly message: string } };

function readDocument({ data, validation_data: expected, ...others }: JsonObject): ReadRow {
  const streams = streamsOf(data, "data");
  if ("problem" in streams) return streams;
  const answers = expected === undefined ? undefined : streamsOf(expected, "validation_data");
  if (answers !== undefined && "problem" in answers) return answers;
  const rows: Row[] = [];
  for (const [index, { at, steps }] of streams.streams.entries()) {
    const wanted = answers?.streams[index]?.steps;
    if (answers !== undefined && wanted?.length !== steps.length) {
      return wrong("validation_data", "validation_data", `expected an output for each of the ${steps.length} steps of ${at}`);
    }
    const turns: RowTurn[] = [];
    for (const [step, fields] of steps.entries()) {
      const read = readTurn(fields, wanted?.[step], at);
      if ("problem" in read) return read;
      turns.push(read.turn);
    }
    const [first, ...rest] = turns;
    if (first === undefined) return wrong("data", at, "expected at least one step, got []");
    const unknownFields = index === 0 ? Object.keys(others) : [];
    rows.push({ sessionId: undefined, turns: [first, ...rest], unknownFields });
  }
  const [row, ...more] = rows;
  return row === undefined ? wrong("data", "data", "expected at least one step, got []") : { row, others: more };
}

interface Stream {
  /** What messages call it. */
  readonly at: string;
  readonly steps: readonly unknown[];
}

/** Objects are streams of one step each; they do not stand among lists. */
function streamsOf(value: unknown, field: string): { readonly streams: readonly Stream[] } | Failure {
  if (!Array.isArray(value)) return wrong(field, field, `expected a list, got ${shownValue(value)}`);
  const lists = value.filter((item) => Array.isArray(item)).length;
  if (lists > 0 && lists < value.length) return wrong(field, field, "expected objects alone, or lists of objects alone");
  return { streams: value.map((item, index) => ({ at: `${field}[${index}]`, steps: lists > 0 ? item : [item] })) };
}

function readTurn(fields: unknown, wanted: unknown, at: string): { readonly turn: RowTurn } | Failure {
  const tensors = readTensors(fields, "data", at);
  if ("problem" in tensors) return tensors;
  const expected = wanted === undefined ? undefined : readTensors(wanted, "validation_data", at);
  if (expected !== undefined && "problem" in expected) return expected;
  const expectedTensors = expected === undefined ? {} : { expectedTensors: expected.tensors };
  return { turn: { ...bareTurn, messages: [], isSelfContained: true, tensors: tensors.tensors, ...expectedTensors } };
}

function readTensors(fields: unknown, field: string, at: string): { readonly tensors: readonly GivenTensor[] } | Failure {
  if (!isJsonObject(fields)) return wrong(field, at, `expected an object of tensors, got ${shownValue(fields)}`);
  const tensors: GivenTensor[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const tensor = readTensor(name, value);
    if (typeof tensor === "string") return wrong(field, `${at}.${name}`, tensor);
    tensors.push(tensor);
  }
  return { tensors };
}

/** Text: it is none, in these words. */
function readTensor(name: string, value: unknown): GivenTensor | string {
  if (!isJsonObject(value)) return withElements(name, [], value);
  const { content, b64, shape = [] } = value;
  if (!Array.isArray(shape) || !shape.every(isSize)) return `expected a shape of whole numbers from 0, got ${shownValue(shape)}`;
  if (content === undefined && b64 === undefined) return `expected content or b64, got ${shownValue(value)}`;
  // It may be a list of one text.
  const coded: unknown = Array.isArray(b64) && b64.length === 1 ? b64[0] : b64;
  if (coded === undefined) return withElements(name, shape, content);
  const raw = typeof coded === "string" ? bytesOfBase64(coded) : undefined;
  return raw === undefined ? `expected base64, got ${shownValue(coded)}` : { name, shape, contents: raw };
}

function withElements(name: string, shape: readonly number[], value: unknown): GivenTensor | string {
  const elements: unknown[] = [];
  gather(value, elements);
  if (elements.every((element) => typeof element === "string")) return { name, shape, contents: elements };
  if (!elements.every((element) => typeof element === "number" || typeof element === "boolean")) {
    return `expected numbers, truth values or texts, got ${shownValue(value)}`;
  }
  return { name, shape, contents: elements.map(Number) };
}

function gather(value: unknown, into: unknown[]): void {
  if (Array.isArray(value)) for (const item of value) gather(item, into);
  else into.push(value);
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function wrong(field: string, shownField: string, message: string): Failure {
  return { problem: { field, shownField, message } };
}
