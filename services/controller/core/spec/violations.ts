/** Everything that is wrong with a RunSpec that has its defaults. Pure. */

import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import { responseFieldProblem, templateProblem } from "../../../../endpoints/custom/template.ts";
import type { Endpoint } from "../../../../endpoints/endpoint.ts";
import { reasoningTagModes } from "../../../../endpoints/reasoning-tags.ts";
import { type EndpointSpec, ModelSelection, type RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { FieldViolation } from "../../../common/errors.ts";
import { exportPrefixProblem } from "../../../common/export-files.ts";
import { lengthDialectOf, lengthDialects } from "../../../common/forced-length.ts";
import { MAX_SHARDS } from "../../../common/record-shard.ts";
import { endpointOptions, reasoningTagsNamed } from "../../../common/run-endpoint.ts";
import { expectedTokenizer, isRevision, tokenizerSource } from "../../../common/tokenizer/source.ts";
import { unaskedLength } from "./answer-length.ts";
import { checkCacheBust } from "./cache-bust-violations.ts";
import { checkAnswerChecks } from "./check-violations.ts";
import { checkDataset } from "./dataset-violations.ts";
import type { Demand } from "./demand.ts";
import { checkIngredients } from "./ingredient-violations.ts";
import { checkPhase } from "./phase-violations.ts";
import { checkPrefill } from "./prefill-violations.ts";
import { checkSessionData } from "./session-load-violations.ts";
import { checkObjectives, checkSlos } from "./slo-violations.ts";
import { checkTarget } from "./target-violations.ts";
import { checkTelemetry } from "./telemetry-violations.ts";
import { checkTensors } from "./tensor-violations.ts";

/** A run asks for no more of them. */
const MAX_PROCESSORS = 64;

export function violationsOf(spec: RunSpec, endpoints: EndpointCatalog): FieldViolation[] {
  const found: FieldViolation[] = [];
  const demand = (isGood: boolean, field: string, description: string): void => {
    if (!isGood) found.push({ field, description });
  };
  demand(spec.models.length > 0, "models", "at least one model is needed");
  spec.models.forEach((model, index) => {
    demand(model.trim() !== "", `models[${index}]`, "must not be empty");
  });
  checkModelWeights(spec, demand);
  checkTarget(spec, endpoints, demand);
  checkEndpoint(spec, endpoints, demand);
  checkTensors(spec, endpoints, demand);
  const tokenizer = spec.tokenizer?.name ?? "";
  demand(tokenizerSource(tokenizer) !== undefined, "tokenizer.name", `must be ${expectedTokenizer}, got ${tokenizer}`);
  checkRevision(spec, demand);
  const canCount = spec.tokenizer?.checkUsage !== true || tokenizer !== "none";
  demand(canCount, "tokenizer.check_usage", "needs a tokenizer to count by");
  checkDataset(spec, demand);
  checkCacheBust(spec, endpoints, demand);
  checkAnswerChecks(spec, endpoints, demand);
  checkIngredients(spec, endpoints, demand);
  checkSessionData(spec, demand);
  checkSlos(spec, endpoints.create(spec.endpoint?.type ?? ""), demand);
  checkObjectives(spec, demand);
  demand(spec.phases.length > 0, "phases", "at least one phase is needed");
  const names = new Set<string>();
  spec.phases.forEach((phase, index) => {
    const at = `phases[${index}]`;
    demand(!names.has(phase.name), `${at}.name`, `must be unique, got ${phase.name} again`);
    names.add(phase.name);
    checkPhase(phase, at, demand);
    demand(!phase.isSeamless || index + 1 < spec.phases.length, `${at}.is_seamless`, "there is no phase after it");
    checkPrefill(phase, spec, at, demand);
  });
  const workers = spec.workers?.maxWorkers;
  demand(workers === undefined || workers >= 1, "workers.max_workers", `must be at least 1, got ${workers}`);
  const perHost = spec.workers?.workersPerHost;
  demand(perHost === undefined || perHost >= 1, "workers.workers_per_host", `must be at least 1, got ${perHost}`);
  const isEither = perHost === undefined || workers === undefined;
  demand(isEither, "workers.workers_per_host", "does not go with max_workers, which is of all hosts together");
  const managers = spec.recordManagers ?? 1;
  demand(managers >= 1 && managers <= MAX_SHARDS, "record_managers", `must be 1 to ${MAX_SHARDS}, got ${managers}`);
  const processors = spec.workers?.recordProcessors ?? 1;
  const areFew = processors >= 1 && processors <= MAX_PROCESSORS;
  demand(areFew, "workers.record_processors", `must be 1 to ${MAX_PROCESSORS}, got ${processors}`);
  const pacing = spec.workers?.pacing ?? "";
  const isPacing = pacing === "normal" || pacing === "precise";
  demand(isPacing, "workers.pacing", `must be normal or precise, got ${pacing}`);
  const seed = spec.randomSeed ?? 0n;
  demand(seed <= BigInt(Number.MAX_SAFE_INTEGER), "random_seed", `must be at most ${Number.MAX_SAFE_INTEGER}, got ${seed}`);
  checkTelemetry(spec, demand);
  const level = spec.output?.exportLevel ?? "";
  const isLevel = level === "summary" || level === "records" || level === "raw";
  demand(isLevel, "output.export_level", `must be summary, records or raw, got ${level}`);
  const isKept = spec.output?.exportHttpTrace !== true || level !== "summary";
  demand(isKept, "output.export_http_trace", "needs the file of records, which the level summary leaves out");
  const { sliceSec = 1, stallMs = 1, networkLatencyMs, measureNetworkLatency = false } = spec.output ?? {};
  const isRtt = networkLatencyMs === undefined || (Number.isFinite(networkLatencyMs) && networkLatencyMs >= 0);
  demand(sliceSec > 0 && Number.isFinite(sliceSec), "output.slice_sec", `must be above 0, got ${sliceSec}`);
  demand(stallMs > 0 && Number.isFinite(stallMs), "output.stall_ms", `must be above 0, got ${stallMs}`);
  demand(isRtt, "output.network_latency_ms", `must be at least 0, got ${networkLatencyMs}`);
  const isOneRtt = networkLatencyMs === undefined || !measureNetworkLatency;
  demand(isOneRtt, "output.measure_network_latency", "not together with output.network_latency_ms");
  checkPingInterval(spec, demand);
  const prefixProblem = exportPrefixProblem(spec.output?.exportPrefix ?? "");
  demand(prefixProblem === undefined, "output.export_prefix", prefixProblem ?? "");
  return found;
}

/** Between two connections that a target sees of a host beside the requests. */
const leastPingSec = 0.05;

function checkPingInterval({ output }: RunSpec, demand: Demand): void {
  const { networkLatencyPingIntervalSec: sec, measureNetworkLatency = false } = output ?? {};
  if (sec === undefined) return;
  const field = "output.network_latency_ping_interval_sec";
  demand(sec >= leastPingSec && Number.isFinite(sec), field, `must be at least ${leastPingSec}, got ${sec}`);
  demand(measureNetworkLatency, field, "needs output.measure_network_latency");
}

function checkRevision({ tokenizer }: RunSpec, demand: Demand): void {
  const { name = "", revision = "" } = tokenizer ?? {};
  if (revision === "") return;
  demand(isRevision(revision), "tokenizer.revision", `must be a branch, a tag or a commit, got ${revision}`);
  demand(tokenizerSource(name)?.kind === "hub", "tokenizer.revision", "needs the tokenizer of a model on the Hugging Face Hub");
}

function checkEndpoint({ endpoint, dataset }: RunSpec, { names, create: createEndpoint }: EndpointCatalog, demand: Demand): void {
  const { type = "", path = "", streaming = false, reasoningTags = "", modelVersion = "" } = endpoint ?? {};
  const isMode = reasoningTags === "" || reasoningTagsNamed(reasoningTags) !== undefined;
  demand(isMode, "endpoint.reasoning_tags", `must be ${reasoningTagModes.join(", ")}, got ${reasoningTags}`);
  const known = createEndpoint(type);
  checkForcedLength(endpoint, known, demand);
  checkTemplate(endpoint, demand);
  const isVideo = type === "video_generation" || endpoint?.downloadVideoContent !== true;
  demand(isVideo, "endpoint.download_video_content", `is for the endpoint video_generation, got ${type}`);
  for (const name of known?.reservedInputs ?? []) {
    const isFree = endpoint?.extraInputs === undefined || !Object.hasOwn(endpoint.extraInputs, name);
    demand(isFree, "endpoint.extra_inputs", `endpoint ${type} takes ${name} from the turn`);
  }
  const hasBodies = type !== "raw" || dataset?.source.case !== "synthetic";
  demand(hasBodies, "endpoint.type", "raw sends bodies that a dataset has, and synthetic conversations have none: name a file");
  demand(known !== undefined, "endpoint.type", `must be one of ${names.join(", ")}, got ${type}`);
  demand(path === "" || path.startsWith("/"), "endpoint.path", `must begin with /, got ${path}`);
  const [contentType = ""] = (known?.contentType ?? "application/json").split(";");
  const { requestContentType = "" } = endpoint ?? {};
  const isOwn = requestContentType === "" || known === undefined || requestContentType === contentType;
  demand(isOwn, "endpoint.request_content_type", `must be ${contentType}, which ${type} has, got ${requestContentType}`);
  demand(!streaming || known?.canStream !== false, "endpoint.streaming", `must be off: ${type} does not stream`);
  const hasVersions = modelVersion === "" || known === undefined || known.hasVersions === true;
  demand(hasVersions, "endpoint.model_version", `must not be given: requests of ${type} name no version of their model`);
  const isFree = modelVersion === "" || path === "" || known?.hasVersions !== true || known.protocol === "grpc";
  demand(isFree, "endpoint.model_version", "must not be given beside endpoint.path, which says it");
}

function checkForcedLength(endpoint: EndpointSpec | undefined, known: Endpoint | undefined, demand: Demand): void {
  const { forceOutputLength: dialect = "" } = endpoint ?? {};
  if (dialect === "") return;
  const at = "endpoint.force_output_length";
  demand(lengthDialectOf(dialect) !== undefined, at, `must be ${lengthDialects.join(", ")}, got ${dialect}`);
  const unasked = known && unaskedLength(known);
  demand(unasked === undefined, at, `has no effect: ${unasked}`);
}

/** A body is made for a turn that has one of everything: what a template cannot do is said before anything is sent. */
function checkTemplate(endpoint: EndpointSpec | undefined, demand: Demand): void {
  if (endpoint === undefined) return;
  const { type } = endpoint;
  const { template, responseField } = endpointOptions(endpoint);
  if (type !== "template" && type !== "raw") {
    demand(endpoint.template === undefined, "endpoint.template", `is for the endpoints template and raw, got ${type}`);
    return;
  }
  const problem = type === "template" ? templateProblem(template) : undefined;
  demand(problem === undefined, "endpoint.template.body", problem ?? "");
  const pathProblem = responseFieldProblem(responseField);
  demand(pathProblem === undefined, "endpoint.template.response_field", `must be JMESPath, got ${responseField}: ${pathProblem}`);
}

function checkModelWeights({ models, modelSelection, modelWeights }: RunSpec, demand: Demand): void {
  const isWeighted = modelSelection === ModelSelection.WEIGHTED;
  if (!isWeighted) {
    demand(modelWeights.length === 0, "model_weights", "needs the weighted selection of models");
    return;
  }
  const { length } = modelWeights;
  demand(length === models.length, "model_weights", `one for each of the ${models.length} models is needed, got ${length}`);
  modelWeights.forEach((weight, index) => {
    demand(weight >= 0 && Number.isFinite(weight), `model_weights[${index}]`, `must be at least 0, got ${weight}`);
  });
  demand(length === 0 || modelWeights.some((weight) => weight > 0), "model_weights", "one of them must be above 0");
}
