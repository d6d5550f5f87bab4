/** What the models of the gRPC port are: their tensors, and what they make of a request. Pure. */
import type { Datatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import type { Shape } from "../../endpoints/kserve/tensor/shape.ts";
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import type { FinishReason } from "../text/endpoint.ts";

export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension; -1: of any size. */
  readonly dims: Shape;
  /** A request may leave it out. */
  readonly isOptional?: true;
}

/** How a model ends its answers. inLast: its last response says so. empty: a response without outputs does, to clients that ask for it. */
export type EndMark = "inLast" | "empty";

export interface ModelKind {
  readonly platform: string;
  readonly backend: string;
  /** Above 0 every tensor has a batch dimension in front. */
  readonly maxBatchSize: number;
  /** Any number of responses to a request, in streams alone; otherwise one. */
  readonly isDecoupled: boolean;
  readonly endMark: EndMark;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** What a request, which fits the inputs, is to be answered; or what the model says of it. */
  read(request: ModelRequest): ModelPlan | ModelFault;
}

/** A request as the model sees it. */
export interface ModelRequest {
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Parameters of the request, those that are the server's own left out. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Requests in it; 1 without a batch dimension. */
  readonly batch: number;
  /** The length of an answer that the request does not say. */
  ownLength(): number;
}

/** An answer before its times are known. */
export interface ModelPlan {
  readonly isStreaming: boolean;
  /** Answers, of `tokens` each: one for each request of the batch. */
  readonly choices: number;
  readonly tokens: number;
  /** As of any request. */
  readonly isData?: boolean;
  readonly finishReason: FinishReason;
  /** Prompts, for the prefix cache. */
  readonly texts: readonly string[];
  readonly promptTokens: number;
  /** Counts of tokens were asked for. */
  readonly hasUsage: boolean;
  /** The outputs of the response that brings these tokens. */
  outputs(part: AnswerPart): Tensor[];
}

/** What a response brings: `count` tokens after `before` others. */
export interface AnswerPart {
  readonly before: number;
  readonly count: number;
  readonly isLast: boolean;
  /** Counts of tokens go along where they were asked for. */
  readonly hasUsage: boolean;
  /** Readings of the monotonic clock; the last two of what has come by now. */
  readonly receivedNs: number;
  readonly startNs: number;
  readonly firstNs: number;
  readonly nowNs: number;
}

/** What a model says of a request that it cannot answer. */
export interface ModelFault {
  readonly says: string;
  /** It is the request that is wrong, as the model's server has found when it read the inputs for it. */
  readonly isInvalid?: true;
}

export function isModelFault(value: object): value is ModelFault {
  return "says" in value;
}
