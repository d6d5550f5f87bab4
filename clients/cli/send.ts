/** `assay send`: one request and its timeline, from options to an exit code. */
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { SendOneRequestSchema } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { type SendOptions, sendFlags } from "./flags.ts";
import { Interrupts, unlessAborted } from "./interrupts.ts";
import { LocalSuite } from "./local-suite.ts";
import { createPaint } from "./paint.ts";
import { runSpecJson } from "./run-options.ts";
import { type SendReport, sendJson, sendLines } from "./send-report.ts";
import type { SendSuite } from "./send-suite.ts";
import type { Terminal } from "./terminal.ts";
import { harmless } from "./text.ts";
import { findToken } from "./token.ts";

export interface SendContext {
  readonly terminal: Terminal;
  /** `assay send`, before complaints. */
  readonly name: string;
  /** Program and arguments up to the subcommand: starts processes of this very version. */
  readonly command: readonly string[];
  /** What `--prompt -` reads. Default: standard input. */
  readonly input?: Readable;
}

const defaultUrl = "http://localhost:8000";
const defaultPrompt = "Say hello in one sentence.";
const defaultTimeoutSec = 60;

/** What is wrong between options, one line each; `given` names those that were meant to be given, readable or not. */
export function problemsOfSend(given: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  if (!given.has("models")) problems.push("--model: expected the name of the model to ask for");
  if (given.has("prompt") && given.has("isl")) problems.push(`${sendFlags.prompt.flag}: not together with ${sendFlags.isl.flag}`);
  if (given.has("tokenFile") && !given.has("controller")) {
    problems.push(`${sendFlags.tokenFile.flag}: needs ${sendFlags.controller.flag} beside it`);
  }
  return problems;
}

/** Sends one request with options that were checked. Resolves with the exit code when everything that it started has ended. */
export async function send(options: SendOptions, context: SendContext): Promise<number> {
  const { terminal, name } = context;
  const interrupts = new Interrupts(terminal);
  const local = options.controller === undefined ? startLocal(options, context) : undefined;
  let suite: SendSuite | undefined;
  try {
    const connecting = connect(options, local, terminal);
    suite = await unlessAborted(connecting, interrupts.stop);
    if (suite === undefined) return exitCodes.interrupted;
    const report = await unlessAborted(sendThrough(suite, options, { context, signal: interrupts.stop }), interrupts.stop);
    if (report === undefined) return exitCodes.interrupted;
    return show(report, options, context);
  } catch (error) {
    if (interrupts.stop.aborted) return exitCodes.interrupted;
    if (!(error instanceof AssayError)) throw error;
    terminal.err(`${name}: ${error.message}\n`);
    return error.code === "invalid_argument" ? exitCodes.usage : exitCodes.failed;
  } finally {
    suite?.close();
    if (interrupts.stop.aborted) await local?.kill();
    else await local?.stop();
    interrupts.close();
  }
}

/** One process with all that a request needs, and no more. */
function startLocal({ isl }: SendOptions, { command, terminal, name }: SendContext): LocalSuite {
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

async function connect(
  { controller = "", tokenFile }: SendOptions,
  local: LocalSuite | undefined,
  { env }: Terminal,
): Promise<SendSuite> {
  const loading = import("./send-suite.ts");
  const [address, token] =
    local === undefined ? [controller, await findToken(tokenFile, env)] : [await local.ready(), local.token];
  const { SendSuite } = await loading;
  return new SendSuite({ address, token });
}

async function sendThrough(
  suite: SendSuite,
  options: SendOptions,
  { context, signal }: { readonly context: SendContext; readonly signal: AbortSignal },
): Promise<SendReport> {
  const { prompt, isl, osl = 0, json: _json, controller: _controller, tokenFile: _tokenFile, ...rest } = options;
  const { target, endpoint, models } = fromJson(RunSpecSchema, runSpecJson({ urls: [defaultUrl], ...rest }));
  const limitSec = rest.requestTimeoutSec ?? defaultTimeoutSec;
  const turn = await turnOf(suite, { prompt, isl, context, signal });
  const request: MessageInitShape<typeof SendOneRequestSchema> = {
    model: models[0] ?? "",
    turn: { ...turn, maxOutputTokens: Math.round(osl) },
    ...(target === undefined ? {} : { target: { ...target, requestTimeoutSec: limitSec } }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  const sent = await suite.sendOne(request, { limitMs: limitSec * 1000, signal });
  const { record } = sent;
  if (record === undefined) throw new AssayError("internal", "the worker answered without a record");
  const parsed = await suite.parse({ record, ...(endpoint === undefined ? {} : { endpoint }) }, signal);
  return { sent, parsed };
}

async function turnOf(
  suite: SendSuite,
  {
    prompt,
    isl,
    context,
    signal,
  }: { prompt: string | undefined; isl: number | undefined; context: SendContext; signal: AbortSignal },
) {
  if (isl !== undefined) return suite.turn(isl, signal);
  const content = prompt === "-" ? await readInput(context.input ?? process.stdin, signal) : (prompt ?? defaultPrompt);
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

function show(report: SendReport, { json }: SendOptions, { terminal, name }: SendContext): number {
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
