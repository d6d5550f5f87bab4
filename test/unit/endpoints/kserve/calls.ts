/** Answers of calls as Triton gives them, and requests as it reads them. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Endpoint, RawResponse, TurnInput } from "../../../../endpoints/endpoint.ts";
import type { Datatype } from "../../../../endpoints/kserve/tensor/datatypes.ts";
import { decodeElements, type ElementInput, textsOf } from "../../../../endpoints/kserve/tensor/elements.ts";
import { describeTensors, readTensors, tensorOf } from "../../../../endpoints/kserve/tensor/tensor.ts";
import {
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from "../../../../gen/inference/inference_service_pb.js";
import { plainTurn } from "../turns.ts";

export const streamed: Partial<RawResponse> = { contentType: "application/grpc", isStreaming: true };
export const whole: Partial<RawResponse> = { contentType: "application/grpc+proto", isStreaming: false };

export type Output = readonly [name: string, datatype: Datatype, shape: readonly number[], elements: readonly ElementInput[]];

/** A response with these outputs; `isFinal` undefined: it does not say whether it is the last. */
export function response(outputs: readonly Output[], isFinal?: boolean): MessageInitShape<typeof ModelInferResponseSchema> {
  const { described, rawContents } = describeTensors(outputs.map((output) => tensorOf(...output)));
  const final = { triton_final_response: { parameterChoice: { case: "boolParam" as const, value: isFinal ?? false } } };
  return {
    modelName: "m",
    modelVersion: "1",
    outputs: described,
    rawOutputContents: rawContents,
    parameters: isFinal === undefined ? {} : final,
  };
}

export const text = (said: string, ...rest: readonly Output[]): Output[] => [["text_output", "BYTES", [1], [said]], ...rest];

/** The bytes of a call's answer: each message behind its prefix. */
export function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      return [prefix, message];
    }),
  );
}

export function wholeAnswer(answer: MessageInitShape<typeof ModelInferResponseSchema>): Buffer {
  return framed(toBinary(ModelInferResponseSchema, create(ModelInferResponseSchema, answer)));
}

/** A stream of these responses; a text is an error. */
export function stream(...answers: readonly (MessageInitShape<typeof ModelInferResponseSchema> | string)[]): Buffer {
  const messages = answers.map((answer) => (typeof answer === "string" ? { errorMessage: answer } : { inferResponse: answer }));
  return framed(
    ...messages.map((message) => toBinary(ModelStreamInferResponseSchema, create(ModelStreamInferResponseSchema, message))),
  );
}

/** A request as a server reads it: its tensors with their shapes and elements, its parameters and the outputs it asks for. */
export function requestOf(endpoint: Endpoint, changes: Partial<TurnInput> = {}) {
  const request = fromBinary(ModelInferRequestSchema, endpoint.formatBody({ ...plainTurn, ...changes }));
  const tensors = readTensors(request.inputs, request.rawInputContents);
  const inputs = tensors.map(({ name, datatype, shape, raw }) => [
    `${name} ${datatype} [${shape}]`,
    datatype === "BYTES" ? textsOf(raw) : decodeElements(datatype, raw),
  ]);
  return {
    model: request.modelName,
    inputs: Object.fromEntries(inputs),
    parameters: Object.fromEntries(
      Object.entries(request.parameters).map(([name, value]) => [name, value.parameterChoice.value]),
    ),
    outputs: request.outputs.map(({ name }) => name),
  };
}
