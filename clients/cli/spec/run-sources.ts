/** From all that may describe a run to its RunSpec: defaults of `--mock` < file < environment < options < `--set`. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { messageOf } from "../../../services/common/errors.ts";
import { NEEDS_EVENTS } from "../../../services/common/tool-definitions.ts";
import type { Asked } from "../asked.ts";
import { complaintLine, type SpecSources } from "../complaints.ts";
import type { RunOptions, runFlags } from "../flags.ts";
import { type GivenRun, runSpecJson, shown, withMock, withoutOverruled } from "../run-options.ts";
import { weightsProblem } from "../run-target.ts";
import type { AiperfContext } from "./aiperf/config.ts";
import { withGpuMetricsText } from "./gpu-metrics-file.ts";
import { fileComplaints, withAbsolutePaths } from "./input-files.ts";
import { type Pems, readPems } from "./pem-files.ts";
import type { ReadSpec } from "./spec-reader.ts";
import { withTemplateText } from "./template-file.ts";

/** What was given and is right as far as the command line can tell. */
export interface RunSources extends SpecSources {
  readonly options: RunOptions;
  /** The spec of the file of `--config`; empty without one. */
  readonly fileSpec: JsonObject;
  readonly cwd: string;
  /** What is in the files of the target's TLS. Absent: none are named. */
  readonly pems?: Pems;
  /** Points of the file of `--request-rate-series`. */
  readonly ratePoints?: readonly JsonObject[] | undefined;
  /** File of the user's own endpoints, absolute; it could be loaded. Absent: none. */
  readonly endpointModule?: string | undefined;
}

/** Reads the file of options that were checked, and makes the settings; one line for each problem. */
export async function readSources(asked: Asked<typeof runFlags>): Promise<RunSources | { readonly problems: readonly string[] }> {
  const given: GivenRun = withoutOverruled(asked);
  const { cwd, env } = asked.terminal;
  const { config } = given.options;
  const file = config === undefined ? undefined : await readSpecFile(config, cwd, { env });
  const options = { ...file?.options, ...given.options };
  const settings = options.settings ?? [];
  const series = options.requestRateSeries === undefined ? undefined : await readRateSeriesFile(options.requestRateSeries, cwd);
  if (series !== undefined && series.problems.length > 0) return { problems: series.problems };
  const pems = await readPems(options, cwd);
  if ("problems" in pems) return { problems: pems.problems };
  const sources: RunSources = {
    given,
    pems,
    options,
    fileSpec: file?.spec ?? {},
    file: file === undefined ? undefined : { name: options.config ?? "", places: file.places, phases: phasesIn(file.spec) },
    settingPaths: settings.length === 0 ? [] : settings.map((await import("./settings.ts")).pathOfSetting),
    cwd,
    ratePoints: series?.points,
    endpointModule: options.endpointModule === undefined ? undefined : resolve(cwd, options.endpointModule),
  };
  if (file !== undefined && file.problems.length > 0) return { problems: file.problems };
  const made = await specOf(sources, mockPlaceholder);
  if (made.problems.length > 0) return { problems: made.problems };
  // On a suite elsewhere the paths are those of its hosts.
  const missing = options.controller === undefined ? await fileComplaints(made.spec) : [];
  if (missing.length > 0) return { problems: missing.map((complaint) => complaintLine(complaint, sources)) };
  if (options.config !== undefined && made.spec.models === undefined && !options.mock) {
    return { problems: [`${options.config}: models: expected the name of the model to ask for, here or by --model`] };
  }
  const undefinable = problemOfDefinitions(options, made.spec);
  if (undefinable !== undefined) return { problems: [undefinable] };
  const problem = sources.endpointModule === undefined ? undefined : await problemOfModule(sources.endpointModule);
  return problem === undefined ? sources : { problems: [problem] };
}

/** The run would have no summary otherwise. */
function problemOfDefinitions({ definitions = [] }: RunOptions, { output, endpoint }: JsonObject): string | undefined {
  const named = definitions.find((name) => [...NEEDS_EVENTS].some((needy) => needy === name));
  const level = isObject(output) ? output.export_level : undefined;
  const type = isObject(endpoint) ? (endpoint.type ?? "chat") : "chat";
  if (named === undefined || (level === "raw" && (type === "chat" || type === "completions"))) return undefined;
  return `--definitions ${named}: needs --export-level raw beside it, and the endpoint type chat or completions`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The processes of the suite load it again: here it is refused before anything is started. */
async function problemOfModule(path: string): Promise<string | undefined> {
  const { loadEndpointModule } = await import("../../../services/common/endpoint-module.ts");
  return loadEndpointModule(path).then(() => undefined, messageOf);
}

const mockPlaceholder = "http://127.0.0.1:1";

/**
 * The RunSpec in proto JSON. Its paths are absolute.
 * @param mockUrl where the built-in server of `--mock` listens
 */
export async function specOf(
  { given, options, fileSpec, cwd, pems, ratePoints }: RunSources,
  mockUrl: string | undefined,
): Promise<{ readonly spec: JsonObject; readonly problems: readonly string[] }> {
  const complete = options.mock && mockUrl !== undefined ? withMock(options, mockUrl, fileSpec) : options;
  const problem = weightsProblem(complete, fileSpec);
  if (problem !== undefined) return { spec: {}, problems: [`${shown("urlWeights", given)}: ${problem}`] };
  const spec = runSpecJson({ ...complete, ...pems, ratePoints }, fileSpec);
  const made =
    options.settings === undefined
      ? { spec, problems: [] }
      : (await import("./settings.ts")).withSettings(spec, options.settings);
  const { spec: templated, problem: unreadable } = await withTemplateText(made.spec, cwd);
  if (unreadable !== undefined) return { spec: {}, problems: [unreadable] };
  const { spec: listed, problems: unlisted } = await withGpuMetricsText(templated, cwd);
  if (unlisted.length > 0) return { spec: {}, problems: unlisted };
  const absolute = withAbsolutePaths(listed, cwd);
  const { output } = absolute;
  if (typeof output !== "object" || output === null || !("artifact_dir" in output)) return { ...made, spec: absolute };
  const { artifact_dir: folder, ...rest } = output;
  const inFolder = typeof folder === "string" && folder !== "" ? { artifact_dir: resolve(cwd, folder) } : {};
  return { ...made, spec: { ...absolute, output: { ...rest, ...inFolder } } };
}

async function readRateSeriesFile(
  name: string,
  cwd: string,
): Promise<{ points: readonly JsonObject[]; problems: readonly string[] }> {
  const text = await readText(name, cwd);
  if (typeof text !== "string") return { points: [], problems: [`--request-rate-series ${name}: ${text.problem}`] };
  const { readRateSeries } = await import("./rate-series.ts");
  const { points, problems } = readRateSeries(text);
  return { points, problems: problems.map((problem) => `${name}:${problem}`) };
}

async function readText(name: string, cwd: string): Promise<string | { readonly problem: string }> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(resolve(cwd, name)));
  } catch (error) {
    return { problem: `cannot be read: ${messageOf(error)}` };
  }
}

async function readSpecFile(name: string, cwd: string, context: AiperfContext): Promise<ReadSpec> {
  const text = await readText(name, cwd);
  if (typeof text !== "string") return { spec: {}, places: new Map(), problems: [`--config ${name}: ${text.problem}`] };
  const { readSpecText } = await import("./spec-reader.ts");
  const read = readSpecText(text, context);
  return { ...read, problems: read.problems.map((problem) => `${name}:${problem}`) };
}

function phasesIn({ phases }: JsonObject): readonly JsonObject[] {
  // A list of messages, as the reader of the file has checked.
  return (phases ?? []) as readonly JsonObject[];
}
