/**
 * What the calls of KServe's inference service have in common: `ModelInfer`, and `ModelStreamInfer` for a stream, one request in each.
 *
 * A stream is complete where its last response says so (`triton_final_response`); it may be empty and is no chunk then. Where no response
 * has that parameter the end of the call is the end. A message with an error ends the request; the call's own status is the transport's.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ModelInferRequestSchema,
  type ModelInferResponse,
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from "../../gen/inference/inference_service_pb.js";
import type { InferParameter } from "../../gen/inference/tensor_pb.js";
import { messageOf } from "../../services/common/errors.ts";
import type { Endpoint, ParsedResponse, RawResponse } from "../endpoint.ts";
import { Answer, type EventMeaning } from "../event-stream.ts";
import { grpcContentType } from "../grpc-status.ts";
import type { ReasoningTags } from "../reasoning-tags.ts";
import { inBandError, requestError, statusError } from "../target-error.ts";
import { FrameReader } from "./frames.ts";
import { requestJson } from "./request-json.ts";
import { decodeElements, textsOf } from "./tensor/elements.ts";
import { describeTensors, readTensors, type Tensor } from "./tensor/tensor.ts";
import type { VersionOptions } from "./versions.ts";

/** Where the calls go, and how. */
export const callShape = {
  path: "/inference.GRPCInferenceService/ModelInfer",
  streamPath: "/inference.GRPCInferenceService/ModelStreamInfer",
  protocol: "grpc",
  contentType: grpcContentType,
  canStream: true,
  hasVersions: true,
  bodyJson: requestJson,
} as const satisfies Partial<Endpoint>;

export interface InferCall extends VersionOptions {
  readonly model: string;
  readonly inputs: readonly Tensor[];
  /** Names of the outputs that are wanted; none: all that the model gives by itself. */
  readonly outputs?: readonly string[];
  readonly isStreaming: boolean;
  /** Of the request, those of a sequence among them. Default: none. */
  readonly parameters?: Readonly<Record<string, Parameter>>;
}

/** Whole numbers go as integers; a bigint must be of 64 bits. */
export type Parameter = string | boolean | number | bigint;

/** The `ModelInferRequest`. Of a stream it asks for a last response that says so, without which some backends' end cannot be seen. */
export function inferMessage(call: InferCall): Uint8Array {
  const { model, modelVersion = "", inputs, outputs = [], isStreaming, parameters = {} } = call;
  const { described, rawContents } = describeTensors(inputs);
  const all = isStreaming ? { ...parameters, triton_enable_empty_final_response: true } : parameters;
  const message = create(ModelInferRequestSchema, {
    modelName: model,
    modelVersion,
    inputs: described,
    outputs: outputs.map((name) => ({ name })),
    rawInputContents: rawContents,
    parameters: Object.fromEntries(
      Object.entries(all).map(([name, value]) => [name, { parameterChoice: parameterChoice(value) }]),
    ),
  });
  return toBinary(ModelInferRequestSchema, message);
}

function parameterChoice(value: Parameter): ParameterChoice {
  if (typeof value === "string") return { case: "stringParam", value };
  if (typeof value === "boolean") return { case: "boolParam", value };
  if (typeof value === "bigint") return { case: value > maxInt64 ? "uint64Param" : "int64Param", value };
  return Number.isSafeInteger(value) ? { case: "int64Param", value: BigInt(value) } : { case: "doubleParam", value };
}

type ParameterChoice = Exclude<InferParameter["parameterChoice"], { case: undefined }>;

const maxInt64 = 2n ** 63n - 1n;

/** The tensors of one response, by name. */
export type Outputs = ReadonlyMap<string, Tensor>;

/** What the outputs of one response say, of which there is at least one. Never called for an error. */
export type ReadOutputs = (outputs: Outputs) => EventMeaning;

/** An answer of any status. Never throws. */
export function parseCall(response: RawResponse, read: ReadOutputs, reasoningTags: ReasoningTags = "auto"): ParsedResponse {
  const answer = new Answer(response, reasoningTags);
  const { status, contentType, payload } = response;
  if (status < 200 || status > 299) answer.fail(statusError(status, payload));
  else if (contentType.startsWith(grpcContentType)) readMessages(answer, read);
  else answer.fail(requestError("parse", "parse", `answer of type "${contentType}" is not gRPC's`));
  return answer.parsed();
}

const marks = "no response that says to be the last";

function readMessages(answer: Answer, read: ReadOutputs): void {
  const { payload, isStreaming } = answer.response;
  const reader = new FrameReader(payload);
  let isMarked = true;
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    const response = isStreaming ? streamedResponse(answer, message) : wholeResponse(answer, message);
    if (isStreaming) answer.begin(reader.end);
    if (response === undefined) return;
    const meaning = meaningOf(response, read);
    if (meaning !== undefined) answer.add(meaning, reader.end);
    if (answer.error !== undefined) return;
    const isFinal = isStreaming ? finalFlag(response) : true;
    isMarked = isFinal ?? isMarked;
    if (isFinal === true) {
      answer.close(true);
      return;
    }
  }
  if (reader.problem !== undefined) answer.fail(requestError("parse", "parse", reader.problem));
  if (reader.isCut) answer.fail(requestError("truncated", "stream", "the answer ended inside a message"));
  answer.close(isMarked, marks);
}

/** Undefined: the message is an error, which the answer has been told. */
function streamedResponse(answer: Answer, message: Uint8Array): ModelInferResponse | undefined {
  const streamed = decoded(answer, () => fromBinary(ModelStreamInferResponseSchema, message));
  if (streamed === undefined) return undefined;
  const { errorMessage, inferResponse } = streamed;
  if (errorMessage !== "") answer.fail(inBandError(errorMessage));
  else if (inferResponse === undefined)
    answer.fail(requestError("parse", "parse", "a message has neither a response nor an error"));
  return errorMessage === "" ? inferResponse : undefined;
}

function wholeResponse(answer: Answer, message: Uint8Array): ModelInferResponse | undefined {
  return decoded(answer, () => fromBinary(ModelInferResponseSchema, message));
}

function decoded<T>(answer: Answer, decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    answer.fail(requestError("parse", "parse", `a message is not of KServe's inference service: ${messageOf(error)}`));
    return undefined;
  }
}

/** Undefined: there are no outputs. */
function meaningOf({ outputs, rawOutputContents }: ModelInferResponse, read: ReadOutputs): EventMeaning | undefined {
  if (outputs.length === 0) return undefined;
  try {
    return read(new Map(readTensors(outputs, rawOutputContents).map((tensor) => [tensor.name, tensor])));
  } catch (error) {
    return { ...noMeaning, problem: messageOf(error) };
  }
}

function finalFlag({ parameters }: ModelInferResponse): boolean | undefined {
  const choice = parameters.triton_final_response?.parameterChoice;
  return choice?.case === "boolParam" ? choice.value : undefined;
}

/** An event that says nothing. */
export const noMeaning: EventMeaning = {
  outputText: "",
  reasoningText: "",
  finishReason: undefined,
  usage: undefined,
  errorWords: undefined,
};

/** The texts of an output of BYTES; none where it is not there or of another datatype. */
export function textsIn(outputs: Outputs, name: string): string[] {
  const tensor = outputs.get(name);
  return tensor?.datatype === "BYTES" ? textsOf(tensor.raw) : [];
}

/** The sum of an output of counts; undefined where it is not there. */
export function countIn(outputs: Outputs, name: string): number | undefined {
  const tensor = outputs.get(name);
  if (tensor === undefined || tensor.datatype === "BYTES" || tensor.datatype === "BOOL") return undefined;
  const elements: readonly unknown[] = decodeElements(tensor.datatype, tensor.raw);
  return elements.length === 0 ? undefined : elements.reduce((sum: number, element) => sum + Number(element), 0);
}
