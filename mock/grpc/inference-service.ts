/** What the gRPC port answers: KServe's inference service with Triton's extensions, and health. Times, lengths and failures are those of HTTP. */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.js";
import {
  GRPCInferenceService as Inference,
  type ModelInferRequest,
  ModelInferRequestSchema,
} from "../../gen/inference/inference_service_pb.js";
import { messageOf } from "../../services/common/errors.ts";
import { version } from "../../services/common/version.ts";
import type { Answers } from "../answers/answers.ts";
import { isModelFault } from "../models/model.ts";
import type { MockOptions } from "../options.ts";
import { type DeployedModel, type ModelRepository, modelVersion } from "./deployed-model.ts";
import type { InferCaller } from "./infer-caller.ts";
import { fitRequest } from "./inference-request.ts";
import { configOf, metadataOf } from "./model-description.ts";
import { type GrpcStatus, isStatus, status } from "./status.ts";
import { TensorRecipient, type TensorRequest } from "./tensor-recipient.ts";

/** Answers the one message of a call with another, or says why not. */
export type UnaryHandler = (request: Uint8Array) => Uint8Array | GrpcStatus;

export interface ServiceDeps {
  readonly options: MockOptions;
  readonly answers: Answers;
  readonly repository: ModelRepository;
  /** Looks prompts up in the prefix cache and remembers them; `undefined` without one. */
  readonly cachedTokens: ((texts: readonly string[]) => number) | undefined;
  /** A request has been refused. */
  readonly refused: () => void;
}

const decoupled = status("unimplemented", "ModelInfer RPC doesn't support models with decoupled transaction policy");
const extensions = ["model_configuration", "binary_tensor_data", "parameters", "statistics"];

export class InferenceService {
  readonly #deps: ServiceDeps;
  /** The calls that are answered at once, by path. */
  readonly unary: ReadonlyMap<string, UnaryHandler>;

  constructor(deps: ServiceDeps) {
    const { repository } = deps;
    const { method } = Inference;
    this.#deps = deps;
    const found = <T>(name: string, wanted: string, make: (model: DeployedModel) => T): T | GrpcStatus => {
      const model = repository.find(name, wanted);
      return isStatus(model) ? model : make(model);
    };
    this.unary = new Map([
      handler(method.serverLive, () => ({ live: true })),
      handler(method.serverReady, () => ({ ready: true })),
      handler(method.serverMetadata, () => ({ name: "assay mock", version, extensions })),
      handler(method.modelReady, ({ name, version }) => ({ ready: !isStatus(repository.find(name, version)) })),
      handler(method.modelMetadata, ({ name, version }) => found(name, version, metadataOf)),
      handler(method.modelConfig, ({ name, version }) => found(name, version, configOf)),
      handler(method.modelStatistics, ({ name, version }) => {
        const models = repository.select(name, version);
        if (isStatus(models)) return models;
        return { modelStats: models.map(({ name, counts }) => counts.message(name, modelVersion)) };
      }),
      handler(method.repositoryIndex, () => ({
        models: repository.models.map(({ name }) => ({ name, version: modelVersion, state: "READY" })),
      })),
      handler(Health.method.check, ({ service }) => {
        if (service === "" || service === Inference.typeName) return { status: HealthCheckResponse_ServingStatus.SERVING };
        return status("notFound", `no service named "${service}" here`);
      }),
    ]);
  }

  /** Begins the answer to an inference request, or refuses it. */
  infer(request: ModelInferRequest, caller: InferCaller): void {
    const { answers } = this.#deps;
    const model = this.#modelOf(request, caller);
    if (isStatus(model)) {
      this.#refuse(caller, model, undefined);
      return;
    }
    const read = this.#read(request, model);
    if (isStatus(read)) this.#refuse(caller, read, undefined);
    else if (isModelFault(read)) {
      model.counts.failed(0);
      this.#refuse(caller, status(read.isInvalid ? "invalidArgument" : "internal", read.says), model.name);
    } else answers.begin<TensorRequest>(read, new TensorRecipient(caller, model.counts));
  }

  #modelOf({ modelName, modelVersion }: ModelInferRequest, caller: InferCaller): DeployedModel | GrpcStatus {
    const model = this.#deps.repository.find(modelName, modelVersion);
    return !isStatus(model) && model.kind.isDecoupled && !caller.isStream ? decoupled : model;
  }

  #read(request: ModelInferRequest, deployed: DeployedModel) {
    const { options, answers, cachedTokens } = this.#deps;
    const fitting = fitRequest(request, deployed);
    if (isStatus(fitting) || isModelFault(fitting)) return fitting;
    const { inputs, parameters, batch } = fitting;
    const plan = deployed.kind.read({ inputs, parameters, batch, ownLength: () => answers.nextLength() });
    if (isModelFault(plan)) return plan;
    const { isStreaming, choices, tokens, isData = false, finishReason, promptTokens, texts } = plan;
    return {
      model: deployed.name,
      isStreaming,
      choices,
      tokens,
      isData,
      finishReason,
      hasUsage: options.usage !== "never",
      promptTokens,
      cachedTokens: cachedTokens?.(texts),
      deployed,
      plan,
      fitting,
      id: request.id,
    } satisfies TensorRequest;
  }

  #refuse(caller: InferCaller, why: GrpcStatus, model: string | undefined): void {
    this.#deps.refused();
    caller.fail(why, model);
  }
}

/** The request of a message, or why there is none. */
export function readInferRequest(message: Uint8Array): ModelInferRequest | GrpcStatus {
  return decoded(ModelInferRequestSchema, message);
}

function handler<I extends DescMessage, O extends DescMessage>(
  { input, output, parent, name }: DescMethodUnary<I, O>,
  answer: (request: MessageShape<I>) => MessageInitShape<O> | GrpcStatus,
): [path: string, UnaryHandler] {
  return [
    `/${parent.typeName}/${name}`,
    (bytes) => {
      const request = decoded(input, bytes);
      if (isStatus(request)) return request;
      const said = answer(request);
      return isStatus(said) ? said : toBinary(output, create(output, said));
    },
  ];
}

function decoded<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> | GrpcStatus {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    return status("internal", `the request cannot be read: ${messageOf(error)}`);
  }
}
