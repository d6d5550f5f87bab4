/** A client of KServe's inference service as anybody's is: grpc-js and the generated code, and nothing between. */
import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import type { Datatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import { type ElementInput, encodeElements, textsOf } from "../../endpoints/kserve/tensor/elements.ts";
import {
  GRPCInferenceService,
  type ModelInferRequestSchema,
  type ModelInferResponse,
  type ModelStreamInferResponse,
} from "../../gen/inference/inference_service_pb.js";

export type InferInit = MessageInitShape<typeof ModelInferRequestSchema>;
export type Given = readonly [name: string, datatype: Datatype, shape: readonly number[], elements: readonly ElementInput[]];

const deadlineMs = 10_000;

/** The end of a call. */
export interface Ended {
  readonly code: number;
  readonly details: string;
}

export interface StreamEnd extends Ended {
  readonly received: ModelStreamInferResponse[];
}

export interface OpenStream {
  send(request: InferInit): void;
  /** Resolves once so many messages have come, or the call is over. */
  until(count: number): Promise<ModelStreamInferResponse[]>;
  halfClose(): void;
  cancel(): void;
  readonly ended: Promise<StreamEnd>;
}

export class InferenceClient {
  readonly #client: Client;

  /** @param channel options of grpc-js */
  constructor(address: string, creds = credentials.createInsecure(), channel: object = {}) {
    this.#client = new Client(address, creds, { "grpc.max_receive_message_length": -1, ...channel });
  }

  close(): void {
    this.#client.close();
  }

  /** A unary call: its response, or the status it ended with. */
  async call(name: string, request: object, path?: string): Promise<any> {
    const { desc, serialize, deserialize } = codecOf(name);
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, response: unknown) =>
        resolve(error === null ? response : { code: error.code, details: error.details });
      const options = { deadline: Date.now() + deadlineMs };
      this.#client.makeUnaryRequest(path ?? pathOf(desc), serialize, deserialize, request, new Metadata(), options, done);
    });
  }

  async infer(request: InferInit): Promise<ModelInferResponse & Ended> {
    return this.call("modelInfer", request);
  }

  stream(metadata: Record<string, string> = {}): OpenStream {
    const { desc, serialize, deserialize } = codecOf("modelStreamInfer");
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    const call = this.#client.makeBidiStreamRequest(pathOf(desc), serialize, deserialize, sent, {
      deadline: Date.now() + deadlineMs,
    });
    const received: ModelStreamInferResponse[] = [];
    let isOver = false;
    let wake = () => {};
    call.on("data", (message: ModelStreamInferResponse) => {
      received.push(message);
      wake();
    });
    call.on("error", () => {}); // its status follows
    const ended = new Promise<StreamEnd>((resolve) => {
      call.on("status", ({ code, details }: StatusObject) => {
        isOver = true;
        wake();
        resolve({ code, details, received });
      });
    });
    return {
      send: (request) => call.write(request),
      async until(count) {
        while (received.length < count && !isOver) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return received;
      },
      halfClose: () => call.end(),
      cancel: () => call.cancel(),
      ended,
    };
  }

  /** Sends all requests at once, half-closes, and waits for the end. */
  async streamed(requests: readonly InferInit[], metadata?: Record<string, string>): Promise<StreamEnd> {
    const stream = this.stream(metadata);
    for (const request of requests) stream.send(request);
    stream.halfClose();
    return stream.ended;
  }
}

/** A request with raw contents. */
export function inferRequest(modelName: string, tensors: readonly Given[], more: InferInit = {}): InferInit {
  return {
    modelName,
    inputs: tensors.map(([name, datatype, shape]) => ({ name, datatype, shape: shape.map(BigInt) })),
    rawInputContents: tensors.map(([, datatype, , elements]) => encodeElements(datatype, elements)),
    ...more,
  };
}

export const flag = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });

/** That a last response is wanted where there would be none. */
export const wantsEmptyFinal = { triton_enable_empty_final_response: flag(true) };

/** The raw contents of an output. */
export function rawOf({ outputs, rawOutputContents }: ModelInferResponse, name: string): Uint8Array | undefined {
  return rawOutputContents[outputs.findIndex((output) => output.name === name)];
}

/** What a response's text is; undefined: it has none. */
export function textOf(response: ModelInferResponse | undefined): string | undefined {
  const raw = response && rawOf(response, "text_output");
  return raw && textsOf(raw).join("|");
}

/** What a response says of being the last; undefined: nothing. */
export function isFinal({ inferResponse }: ModelStreamInferResponse): boolean | undefined {
  const choice = inferResponse?.parameters.triton_final_response?.parameterChoice;
  return choice?.case === "boolParam" ? choice.value : undefined;
}

function codecOf(name: string) {
  const desc = (GRPCInferenceService.method as unknown as Record<string, DescMethod>)[name];
  if (desc === undefined) throw new Error(`there is no method ${name}`);
  const serialize = (message: object) =>
    Buffer.from(toBinary(desc.input, create(desc.input, message as Record<string, unknown>)));
  return { desc, serialize, deserialize: (bytes: Buffer) => fromBinary(desc.output, bytes) as any };
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
