/** `assay dataset show [FILE]`: what a file's requests, or synthetic ones, will be like; nothing is sent. */
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetDescription } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { whole } from "../../../report/text.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { Asked, GivenOptions } from "../asked.ts";
import { type Complaint, complaintLine } from "../complaints.ts";
import { exitCodes } from "../exit-codes.ts";
import { batchNeeds, mediaNeeds } from "../flags/media.ts";
import { runFlags } from "../flags.ts";
import { preparationText, type StepLine, stepLineOn } from "../preparation.ts";
import { runSpecJson, shown, syntheticOptions } from "../run-options.ts";
import { type SuiteUse, withSuite } from "../runs/session.ts";
import { fileComplaints, withAbsolutePaths } from "../spec/input-files.ts";
import { type InputFile, type PipedInput, pipedInput, spoolInput, standardInput, withInputFile } from "../spec/piped-input.ts";
import { withTemplateText } from "../spec/template-file.ts";
import type { SuiteClient } from "../suite-client.ts";
import type { Terminal } from "../terminal.ts";
import { descriptionJson } from "./description-json.ts";
import { descriptionLines } from "./description-lines.ts";
import type { DatasetShowOptions, datasetShowFlags } from "./flags.ts";
import { placesOf } from "./places.ts";

const defaultRequests = 2;
const maxNameLength = 255;

/** Exit code: see `commands.datasetShow`. `input`: what `-` reads. */
export async function datasetShow(asked: Asked<typeof datasetShowFlags>, input: Readable = process.stdin): Promise<number> {
  const { operands, terminal } = asked;
  const [file] = operands;
  const wrong = optionProblems(asked, file);
  if (wrong.length > 0) return say(wrong, asked);
  // What the environment says of synthetic prompts is of other commands.
  const options = file === undefined ? asked.options : withoutSynthetic(asked.options);
  const { spec, problem } = await withTemplateText(specOf(options, file, terminal.cwd), terminal.cwd);
  if (problem !== undefined) return say([problem], asked);
  const piped = await pipedInput(spec, input);
  const problems = await problemsOf(spec, options, piped);
  if (problems.length > 0) return say(problems, asked);
  const datasets = placesOf(options, terminal.cwd);
  const own = { services: ["controller,dataset"], endpointModule: moduleOf(options, terminal.cwd), datasets };
  let inputFile: InputFile | undefined;
  const look = async ({ client, signal }: SuiteUse): Promise<number> => {
    try {
      if (piped !== undefined) inputFile = await spoolInput(piped, { maxBytes: options.maxDatasetBytes, signal });
      const wanted = fromJson(RunSpecSchema, withInputFile(spec, inputFile, terminal.cwd));
      const { requests = defaultRequests } = options;
      const description = await describe(client, wanted, { requests, signal, line: stepLineOn(terminal) });
      show(description, options, terminal);
      return exitCodes.ok;
    } catch (error) {
      if (signal.aborted || !(error instanceof AssayError) || !isAboutInput(error)) throw error;
      const { violations, message } = error;
      return say(
        violations.length === 0 ? [message] : violations.map((each) => complaint(each, file, { ...asked, options })),
        asked,
      );
    }
  };
  return withSuite(asked, look, own).finally(() => inputFile?.remove());
}

/** Complains of the file, or of how it is to be read: not of the command line, whose help would say nothing of it. */
function say(lines: readonly string[], { name, terminal }: Asked<typeof datasetShowFlags>): number {
  for (const line of lines) terminal.err(`${name}: ${line}\n`);
  return exitCodes.usage;
}

/** Between options, and of what is made beside a file. */
function optionProblems({ options, origins }: Asked<typeof datasetShowFlags>, file: string | undefined): string[] {
  const isArgued = (name: string): boolean => origins.get(name) === "argument";
  if (file !== undefined) {
    return syntheticOptions.filter(isArgued).map((name) => `${shown(name, { options, origins })}: not together with FILE`);
  }
  const needs = [...mediaNeeds, ...batchNeeds].filter(([name, needed]) => isArgued(name) && !origins.has(needed));
  return needs.map(([name, needed]) => `${shown(name, { options, origins })}: needs ${runFlags[needed].flag} beside it`);
}

function withoutSynthetic(options: DatasetShowOptions): DatasetShowOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !syntheticOptions.some((known) => known === name)));
}

function specOf(
  { requests: _, json: __, models = ["model"], ...options }: DatasetShowOptions,
  file: string | undefined,
  cwd: string,
): JsonObject {
  const { controller, tokenFile, tls, tlsCa, tlsCert, tlsKey, endpointModule, ...ofRuns } = options;
  const spec = runSpecJson({ ...ofRuns, models, ...(file === undefined ? {} : { inputFile: file }) });
  const named = withAbsolutePaths(spec, cwd);
  if (file === undefined) return named;
  const { dataset } = named;
  if (file === standardInput || file.length > maxNameLength || !isObject(dataset) || !isObject(dataset.file)) return named;
  return { ...named, dataset: { ...dataset, file: { ...dataset.file, name: file } } };
}

function moduleOf({ endpointModule }: DatasetShowOptions, cwd: string): string | undefined {
  return endpointModule === undefined ? undefined : resolve(cwd, endpointModule);
}

async function problemsOf(
  spec: JsonObject,
  { controller, tokenizer, imageSource }: DatasetShowOptions,
  piped: PipedInput | undefined,
): Promise<readonly string[]> {
  if (controller !== undefined && piped !== undefined) {
    return [
      `${piped.path}: ${piped.path === standardInput ? piped.name : "a pipe"} is not sent to a suite elsewhere: name a file of its host`,
    ];
  }
  // On a suite elsewhere the paths are those of its hosts.
  const found = controller === undefined ? await fileComplaints(spec) : [];
  const flags: Readonly<Record<string, string>> = {
    "tokenizer.name": `--tokenizer ${tokenizer}: `,
    "dataset.synthetic.images.source": `--image-source ${imageSource}: `,
  };
  return found.map(({ field, description }) => (flags[field] ?? "") + description);
}

function complaint(
  { field, description }: Complaint,
  file: string | undefined,
  { options, origins }: GivenOptions<typeof datasetShowFlags>,
): string {
  const { datasetType, tokenizer } = options;
  if (file === undefined) return complaintLine({ field, description }, { given: { options, origins }, settingPaths: [] });
  if (field === "dataset.file.format") return `--custom-dataset-type ${datasetType}: ${description}`;
  if (field.startsWith("tokenizer.")) return `--tokenizer ${tokenizer}: ${description}`;
  return field.startsWith("dataset.") ? `${file}: ${description}` : `${field}: ${description}`;
}

/** The file, or how it is to be read, is wrong. */
function isAboutInput({ code, violations }: AssayError): boolean {
  return violations.length > 0 || code === "invalid_argument" || code === "resource_exhausted";
}

interface DescribeOptions {
  readonly requests: number;
  readonly signal: AbortSignal;
  /** Says what is done and how far it is. */
  readonly line: StepLine;
}

async function describe(client: SuiteClient, spec: RunSpec, options: DescribeOptions): Promise<DatasetDescription> {
  const { signal, line, requests } = options;
  const { dataset, tokenizer, endpoint, models, randomSeed = 0n } = spec;
  const datasets = await client.serviceOf(DatasetService);
  const counting = tokenizer === undefined ? {} : { tokenizer };
  let datasetId = "";
  try {
    const place = endpoint && { endpoint: { type: endpoint.type, path: endpoint.path } };
    const prepared = datasets.prepareDataset({ ...(dataset && { dataset }), ...counting, ...place, randomSeed }, { signal });
    for await (const { progress, dataset: info } of prepared) {
      if (progress !== undefined) line.update(preparationText(progress));
      datasetId = info?.datasetId ?? datasetId;
    }
    const request = { datasetId, models, requests, ...counting, ...(endpoint && { endpoint }) };
    let description: DatasetDescription | undefined;
    for await (const message of datasets.describeDataset(request, { signal })) {
      line.update(`measuring the dataset: ${whole(message.done)} of ${whole(message.total)} conversations`);
      description = message.description;
    }
    if (description === undefined) throw new AssayError("internal", "the dataset service described nothing");
    return description;
  } finally {
    line.clear();
    // Where it does not go through, the service forgets the dataset with its next ones.
    if (datasetId !== "") await datasets.deleteDataset({ datasetId }, { timeoutMs: 2000 }).catch(() => {});
  }
}

function show(description: DatasetDescription, { json }: DatasetShowOptions, terminal: Terminal): void {
  const { width, hasColour } = terminal;
  if (json) terminal.out(`${JSON.stringify(descriptionJson(description), null, 2)}\n`);
  else for (const line of descriptionLines(description, { width, hasColour })) terminal.out(`${line}\n`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
