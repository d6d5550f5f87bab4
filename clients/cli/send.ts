/** `assay send`: one request and its timeline, from options to an exit code. */
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { SendOneRequestSchema } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { createPaint } from "../../report/paint.ts";
import { harmless } from "../../report/text.ts";
import { AssayError } from "../../services/common/errors.ts";
import type { Asked } from "./asked.ts";
import { exitCodes } from "./exit-codes.ts";
import type { SendOptions, sendFlags } from "./flags.ts";
import { Interrupts, unlessAborted } from "./interrupts.ts";
import { LocalSuite } from "./local-suite.ts";
import { ownCommand } from "./own-command.ts";
import { refuse } from "./refuse.ts";
import { runSpecJson } from "./run-options.ts";
import { type SendReport, sendJson, sendLines } from "./send-report.ts";
import type { SendSuite } from "./send-suite.ts";
import { type Pems, readPems } from "./spec/pem-files.ts";
import { withTemplateText } from "./spec/template-file.ts";
import { suiteAddress } from "./suite-address.ts";
import { suiteFailure } from "./suite-failure.ts";
import type { Terminal } from "./terminal.ts";

export interface SendSources {
  /** Program and arguments up to the subcommand: starts processes of this very version. Default: this program. */
  readonly command?: readonly string[];
  /** What `--prompt -` reads. Default: standard input. */
  readonly input?: Readable;
}

const defaultUrl = "http://localhost:8000";
const defaultPrompt = "Say hello in one sentence.";
const defaultTimeoutSec = 60;

/** Sends one request with options that were checked. Resolves with the exit code when everything that it started has ended. */
export async function send(asked: Asked<typeof sendFlags>, sources: SendSources = {}): Promise<number> {
  const { terminal, name } = asked;
  const options = withoutOverruled(asked);
  const pems = await readPems(options, terminal.cwd);
  if ("problems" in pems) return refuse(terminal, name, pems.problems);
  const interrupts = new Interrupts(terminal);
  const { stop: signal } = interrupts;
  const local = options.controller === undefined ? startLocal(options, asked, sources) : undefined;
  let suite: SendSuite | undefined;
  try {
    suite = await unlessAborted(connect(options, local, terminal), signal);
    if (suite === undefined) return exitCodes.interrupted;
    const input = sources.input ?? process.stdin;
    const report = await unlessAborted(sendThrough(suite, options, { input, signal, pems, cwd: terminal.cwd }), signal);
    if (report === undefined) return exitCodes.interrupted;
    return show(report, options, asked);
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    if (!(error instanceof AssayError)) throw error;
    const { controller } = options;
    terminal.err(`${name}: ${controller === undefined ? error.message : suiteFailure(error, options)}\n`);
    return error.code === "invalid_argument" ? exitCodes.usage : exitCodes.failed;
  } finally {
    suite?.close();
    if (signal.aborted) await local?.kill();
    else await local?.stop();
    interrupts.close();
  }
}

/** One prompt: that of the command line where the environment gives another. */
function withoutOverruled({ options, origins }: Asked<typeof sendFlags>): SendOptions {
  const { isl, prompt, ...rest } = options;
  if (prompt === undefined || (isl !== undefined && origins.get("isl") === "argument")) {
    return isl === undefined ? rest : { ...rest, isl };
  }
  return { ...rest, prompt };
}

/** One process with all that a request needs, and no more. */
function startLocal(
  { isl }: SendOptions,
  { terminal, name }: Asked<typeof sendFlags>,
  { command = ownCommand() }: SendSources,
): LocalSuite {
  return new LocalSuite({
    command,
    processes: [`controller,worker,record-processor${isl === undefined ? "" : ",dataset"}`],
    artifactBase: terminal.cwd,
    workersMax: undefined,
    logLevel: "info",
    logFile: undefined,
    onDeath: ({ how, lastWords }) => terminal.err(`${name}: the process that sends ended unexpectedly: ${how}\n${lastWords}\n`),
  });
}

async function connect(options: SendOptions, local: LocalSuite | undefined, { env }: Terminal): Promise<SendSuite> {
  const loading = import("./send-suite.ts");
  const address =
    local === undefined
      ? await suiteAddress(options.controller ?? "", options, env)
      : { address: await local.ready(), token: local.token };
  const { SendSuite } = await loading;
  return new SendSuite(address);
}

interface Sending {
  readonly input: Readable;
  readonly signal: AbortSignal;
  readonly pems: Pems;
  /** Paths of the options are relative to it. */
  readonly cwd: string;
}

async function sendThrough(suite: SendSuite, options: SendOptions, sending: Sending): Promise<SendReport> {
  const { signal, pems } = sending;
  const { urls = [defaultUrl], requestTimeoutSec: limitSec = defaultTimeoutSec, osl = 0 } = options;
  const { models, modelVersion, endpointType, endpointPath, streaming, apiKey, headers, extraInputs } = options;
  const { useLegacyMaxTokens, reasoningTags, shapes, requestParameters } = options;
  const { textInputName, textOutputName, lengthInputName, streamInputName } = options;
  const { transport, http2, connectTimeoutSec, insecureSkipVerify, targetServerName, proxyUrl } = options;
  const ofRuns = {
    ...{
      models,
      modelVersion,
      endpointType,
      endpointPath,
      streaming,
      apiKey,
      headers,
      extraInputs,
      useLegacyMaxTokens,
      reasoningTags,
    },
    ...{ textInputName, textOutputName, lengthInputName, streamInputName, shapes, requestParameters },
    ...{ transport, http2, connectTimeoutSec, insecureSkipVerify, targetServerName, proxyUrl, ...pems },
  };
  const given = Object.fromEntries(Object.entries(ofRuns).filter(([, value]) => value !== undefined));
  const made = await withTemplateText(runSpecJson({ ...given, urls, requestTimeoutSec: limitSec }), sending.cwd);
  if (made.problem !== undefined) throw new AssayError("invalid_argument", made.problem);
  const spec = fromJson(RunSpecSchema, made.spec);
  const { target, endpoint } = spec;
  const turn = await turnOf(suite, options, sending);
  const request: MessageInitShape<typeof SendOneRequestSchema> = {
    model: spec.models[0] ?? "",
    turn: { ...turn, maxOutputTokens: Math.round(osl) },
    ...(target === undefined ? {} : { target }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  const sent = await suite.sendOne(request, { limitMs: limitSec * 1000, signal });
  const { record } = sent;
  if (record === undefined) throw new AssayError("internal", "the worker answered without a record");
  const parsed = await suite.parse({ record, ...(endpoint === undefined ? {} : { endpoint }) }, signal);
  return { sent, parsed };
}

async function turnOf(suite: SendSuite, { prompt, isl }: SendOptions, { input, signal }: Sending) {
  if (isl !== undefined) return suite.turn(isl, signal);
  const content = prompt === "-" ? await readInput(input, signal) : (prompt ?? defaultPrompt);
  if (content.trim() === "") throw new AssayError("invalid_argument", "--prompt -: expected a text on standard input");
  return { messages: [{ role: "user", content }] };
}

/** Input that nobody ends would keep this process alive after a Ctrl-C. */
async function readInput(input: Readable, signal: AbortSignal): Promise<string> {
  const onAbort = (): void => {
    input.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return text(input).finally(() => signal.removeEventListener("abort", onAbort));
}

function show(report: SendReport, { json }: SendOptions, { terminal, name }: Asked<typeof sendFlags>): number {
  const error = report.parsed.record?.error;
  if (json === true) terminal.out(`${JSON.stringify(sendJson(report), null, 2)}\n`);
  else {
    const lines = sendLines(report, { width: Math.max(40, terminal.width), paint: createPaint(terminal.hasColour) });
    terminal.out(lines.map((line) => `${line}\n`).join(""));
  }
  if (error === undefined) return exitCodes.ok;
  terminal.err(`${name}: the request failed in phase ${error.phase}: ${error.code}: ${harmless(error.message)}\n`);
  return exitCodes.failed;
}
