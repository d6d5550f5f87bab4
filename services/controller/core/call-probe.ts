/**
 * Whether a run can work against models of KServe's inference service, from what that says of them: answers in, the next question or
 * the verdict out. Pure; `target-check.ts` asks. The calls compute nothing; what a server does not have of them (KServe's own have no
 * `ModelConfig`) settles nothing. Only a run that waits for inference asks for a token.
 */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type ModelTensors, modelTensorsOf } from "../../../endpoints/kserve/model-tensors.ts";
import { matchesShape, shownShape } from "../../../endpoints/kserve/tensor/shape.ts";
import {
  ModelConfigResponseSchema,
  type ModelInferRequest,
  ModelInferRequestSchema,
  ModelMetadataResponseSchema,
  ModelReadyResponseSchema,
  RepositoryIndexResponseSchema,
  ServerMetadataResponseSchema,
} from "../../../gen/inference/inference_service_pb.js";
import { messageOf } from "../../common/errors.ts";
import {
  type Answer,
  described,
  type Failure,
  modelHint,
  type ProbePlan,
  type Question,
  type Step,
  unreachable,
  waitHint,
} from "./target-probe.ts";

export interface CallPlan extends ProbePlan {
  /** As users write it. */
  readonly endpointType: string;
  readonly isStreaming: boolean;
  /** Requests are made of what the models say of their tensors. */
  readonly needsTensors: boolean;
  /**
   * A request of the run as it goes out, a `ModelInferRequest`; undefined: none can be made without its data. Throws `invalid_argument`
   * where what is needed of the model's tensors does not go together with what the run says.
   * @param tensors undefined: the server does not describe them
   */
  sample(model: string, tensors: ModelTensors | undefined): Uint8Array | undefined;
}

/** What to do after these answers, in the order in which they were asked for. Asks no question twice. */
export function nextCall(plan: CallPlan, answers: readonly Answer[]): Step {
  const warnings: string[] = [];
  for (const model of plan.models) {
    const step = stepOf(plan, model, answers);
    if (typeof step !== "string") return step;
    if (step !== "") warnings.push(step);
  }
  return { kind: "passed", warnings, ...(plan.needsTensors ? { modelTensors: knownTensors(plan, answers) } : {}) };
}

/** What the answers say of the tensors of models: nothing of one that has not been asked for its configuration. */
export function knownTensors({ models }: ProbePlan, answers: readonly Answer[]): readonly ModelTensors[] {
  return models.flatMap((model) => tensorsOf(model, answers) ?? []);
}

function tensorsOf(model: string, answers: readonly Answer[]): ModelTensors | undefined {
  const metadata = answerOf("ModelMetadata", model, answers);
  const config = answerOf("ModelConfig", model, answers);
  const said = metadata && read(ModelMetadataResponseSchema, metadata);
  // A server that does not describe the tensors of its models tells nothing.
  if (said === undefined || said.inputs.length === 0 || config === undefined) return undefined;
  return modelTensorsOf(model, said, read(ModelConfigResponseSchema, config)?.config);
}

/** Every server of the service has these two calls. */
function foreignServer(...answers: readonly Answer[]): Failure | undefined {
  if (answers.some(({ error }) => error?.code !== "grpc_unimplemented")) return undefined;
  return failed("the server does not have KServe's inference service", "is it the port of gRPC of an inference server?", true);
}

/** Text: the model can be asked, with that warning; empty: without. */
function stepOf(plan: CallPlan, model: string, answers: readonly Answer[]): Step | string {
  const metadata = answerOf("ModelMetadata", model, answers);
  if (metadata === undefined) return ask("ModelMetadata", model);
  if (metadata.error?.code === "grpc_not_found") return unknownModel(plan, metadata, model, answers);
  const unknown = failureOf(plan, metadata);
  if (unknown !== undefined) return unknown;
  const ready = answerOf("ModelReady", model, answers);
  if (ready === undefined) return ask("ModelReady", model);
  const unready = foreignServer(metadata, ready) ?? failureOf(plan, ready) ?? unreadyOf(plan, model, ready);
  if (unready !== undefined) return unready;
  const config = answerOf("ModelConfig", model, answers);
  if (config === undefined) return ask("ModelConfig", model);
  const misfit = failureOf(plan, config) ?? misfitOf(plan, model, answers);
  if (misfit !== undefined) return misfit;
  if (plan.isStreaming && config.error?.code === "grpc_unimplemented") {
    const server = answerOf("ServerMetadata", model, answers);
    if (server === undefined) return ask("ServerMetadata", model);
    const foreign = failureOf(plan, server) ?? foreignStreams(server);
    if (foreign !== undefined) return foreign;
  }
  const policy = policyOf(plan, model, config);
  if (typeof policy === "object") return policy;
  if (plan.mode === "inference" || plan.mode === "both") {
    const request = answers.find(({ question }) => question.kind === "request" && question.model === model);
    if (request === undefined) return { kind: "ask", question: { kind: "request", model } };
    // One token may be no text.
    if (request.error?.code !== "empty" && request.error?.code !== "cancelled") {
      const refused = failureOf(plan, request);
      if (refused !== undefined) return refused;
    }
  }
  return [policy, otherVersion(plan, model, metadata)].filter((note) => note !== "").join("; ");
}

type CallName = Extract<Question, { readonly kind: "call" }>["method"];

function ask(method: CallName, model: string): Step {
  return { kind: "ask", question: { kind: "call", method, model } };
}

function answerOf(method: CallName, model: string, answers: readonly Answer[]): Answer | undefined {
  return answers.find(({ question }) => question.kind === "call" && question.method === method && question.model === model);
}

/** Undefined: answered, or the server has no such call. */
function failureOf(plan: CallPlan, answer: Answer): Failure | undefined {
  const { error, status } = answer;
  if (error === undefined || error.code === "grpc_unimplemented") return undefined;
  if (status === 0) return unreachable(plan, answer);
  const isLocked = error.code === "grpc_unauthenticated" || error.code === "grpc_permission_denied";
  if (error.code === "grpc_invalid_argument") return failed(described(answer), "", true);
  if (!isLocked) return failed(described(answer), waitHint(plan).trim(), false);
  const hint = plan.hasCredentials
    ? "is the key right, and may it use this model?"
    : "give a key with --api-key or a header with -H";
  return failed(described(answer), hint, true);
}

function unknownModel(plan: CallPlan, metadata: Answer, model: string, answers: readonly Answer[]): Step {
  const index = answerOf("RepositoryIndex", model, answers);
  if (index === undefined) return ask("RepositoryIndex", model);
  const models = read(RepositoryIndexResponseSchema, index)?.models ?? [];
  const names = [...new Set(models.map(({ name }) => name))];
  const isNamed = plan.modelVersion !== "" && (names.length === 0 || names.includes(model));
  const hint = isNamed ? versionHint(model, models) : names.length === 0 ? "is the model's name right?" : modelHint(model, names);
  return failed(described(metadata), hint, false);
}

function versionHint(model: string, listed: readonly { readonly name: string; readonly version: string }[]): string {
  const versions = listed.filter(({ name, version }) => name === model && version !== "").map(({ version }) => version);
  return versions.length === 0
    ? "are the model's name and --model-version right?"
    : `--model-version: model ${model} has ${versions.length === 1 ? "version" : "versions"} ${versions.join(", ")}`;
}

/** Some servers take any version and answer by the one that they have. Empty: it is the one that was asked for, as far as is known. */
function otherVersion({ modelVersion }: CallPlan, model: string, metadata: Answer): string {
  const { versions = [] } = read(ModelMetadataResponseSchema, metadata) ?? {};
  if (modelVersion === "" || versions.length === 0 || versions.includes(modelVersion)) return "";
  return `version ${modelVersion} of model ${model} is asked for, and the server says that it has ${versions.join(", ")}`;
}

/** What the run sends must be what the model takes. */
function misfitOf(plan: CallPlan, model: string, answers: readonly Answer[]): Failure | undefined {
  const { endpointType, needsTensors } = plan;
  const tensors = tensorsOf(model, answers);
  if (needsTensors && tensors === undefined) {
    return failed(
      `the server does not say what tensors model ${model} has, of which ${endpointType} makes its requests`,
      "",
      true,
    );
  }
  const metadataAnswer = answerOf("ModelMetadata", model, answers);
  const metadata = metadataAnswer && read(ModelMetadataResponseSchema, metadataAnswer);
  const request = requestOf(plan, model, tensors);
  if (typeof request === "string") return failed(request, "", true);
  if (tensors === undefined || metadata === undefined || request === undefined) return undefined;
  const hint = "are --endpoint-type and --extra-inputs right for this model?";
  for (const { name, datatype, shape } of request.inputs) {
    const wanted = metadata.inputs.find((input) => input.name === name);
    const sent = `${endpointType} sends ${datatype} ${shownShape(shape.map(Number))}`;
    if (wanted === undefined) {
      return failed(`model ${model} has no input ${name}, it has ${namesOf(metadata.inputs)}`, hint, true);
    }
    const taken = wanted.shape.map(Number);
    if (wanted.datatype !== datatype || !matchesShape(shape.map(Number), taken)) {
      return failed(`input ${name} of model ${model} is ${wanted.datatype} ${shownShape(taken)}, and ${sent}`, hint, true);
    }
  }
  const missing = request.outputs.find(({ name }) => metadata.outputs.every((output) => output.name !== name));
  if (missing === undefined) return undefined;
  return failed(`model ${model} has no output ${missing.name}, it has ${namesOf(metadata.outputs)}`, hint, true);
}

function unreadyOf(plan: CallPlan, model: string, answer: Answer): Failure | undefined {
  if (read(ModelReadyResponseSchema, answer)?.ready !== false) return undefined;
  return failed(`model ${model} is not ready`, waitHint(plan).trim(), false);
}

/** MLServer has a call of the name and the path of Triton's, in which messages that stand for something else come back. */
function foreignStreams(answer: Answer): Failure | undefined {
  const { name = "", version = "" } = read(ServerMetadataResponseSchema, answer) ?? {};
  if (name.toLowerCase() !== "mlserver") return undefined;
  return failed(`${name} ${version} streams in messages of its own, not in Triton's`, "leave --streaming away", true);
}

/** Text: it can be asked, with that warning; empty: without. */
function policyOf({ isStreaming, endpointType }: CallPlan, model: string, answer: Answer): Failure | string {
  const config = read(ModelConfigResponseSchema, answer)?.config;
  if (config === undefined) return "";
  const isDecoupled = config.modelTransactionPolicy?.decoupled ?? false;
  if (isDecoupled && !isStreaming) {
    return failed(`model ${model} is decoupled, which a call without a stream cannot ask`, "add --streaming", true);
  }
  if (isDecoupled || !isStreaming) return "";
  return `model ${model} is not decoupled: a stream of ${endpointType} has one response at most`;
}

/** Text: there can be none, in these words. */
function requestOf(plan: CallPlan, model: string, tensors: ModelTensors | undefined): ModelInferRequest | string | undefined {
  try {
    const sample = plan.sample(model, tensors);
    return sample === undefined ? undefined : fromBinary(ModelInferRequestSchema, sample);
  } catch (error) {
    return messageOf(error);
  }
}

/** Undefined: the call has failed, or its answer is none. */
function read<T extends DescMessage>(schema: T, { error, message }: Answer): MessageShape<T> | undefined {
  if (error !== undefined) return undefined;
  try {
    return fromBinary(schema, message);
  } catch {
    return undefined; // what cannot be read settles nothing
  }
}

function namesOf(tensors: readonly { readonly name: string }[]): string {
  return tensors.length === 0 ? "none" : tensors.map(({ name }) => name).join(", ");
}

function failed(message: string, hint: string, isLasting: boolean): Failure {
  return { kind: "failed", message, hint, isLasting };
}
