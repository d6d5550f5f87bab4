/** Every command of the program, with its options, as pages: what completions, manual and reference page are made of. */
import { commands, programs } from "../clients/cli/commands.ts";
import { completionScript } from "../clients/cli/manual/completion.ts";
import { type CommandPage, type OptionRow, pageOf, usageOf } from "../clients/cli/manual/page.ts";
import { defaultOf } from "../mock/options/help.ts";
import { optionTable } from "../mock/options/table.ts";
import { describeConfig } from "./common/config-schema.ts";
import { serviceNames } from "./common/module.ts";
import { configSchemas } from "./suite-config.ts";

/** In the order of help. */
export function manualPages(): CommandPage[] {
  return [...Object.values(commands).map((row) => pageOf(row)), ...programs.map(({ name }) => programPages[name]())];
}

const programPages = { mock: mockPage, serve: servePage } as const satisfies Record<
  (typeof programs)[number]["name"],
  () => CommandPage
>;

/** Variables of the environment that services read. */
export function serviceVariables(): string[] {
  return describeConfig(configSchemas).map(({ env }) => env);
}

/** `assay completion SHELL`. Exit code 0. */
export function printCompletion([shell = ""]: readonly string[]): number {
  process.stdout.write(completionScript(shell, manualPages()));
  return 0;
}

/** The page of `assay serve`. */
export function servePage(): CommandPage {
  const services: OptionRow = {
    spellings: ["--services"],
    value: "NAME",
    choices: ["all", ...serviceNames],
    doc: `services of this process, with commas between them: ${serviceNames.join(", ")}; all: every one but worker, which the worker-manager starts`,
    group: "Services",
    isRepeatable: false,
  };
  const keys = describeConfig(configSchemas).map(
    ({ arg, env, doc, default: standard, service, format }): OptionRow => ({
      spellings: [arg],
      value: format === "true or false" ? undefined : "VALUE",
      doc: `${doc} Default: ${standard}.`,
      group: service === "process" ? "Every service" : service,
      variable: env,
      isRepeatable: false,
    }),
  );
  return {
    name: "serve",
    aliases: [],
    usage: usageOf("serve", [], true),
    summary: "serves services of a suite until SIGTERM or Ctrl-C",
    operands: [],
    options: [services, ...keys, helpRow("worker-manager")],
    notes: ["Each option is a variable of the environment, too, as ASSAY_RUNS_DIR is for --runs-dir. Options win."],
    examples: [
      "assay serve --services=all --port 7400",
      "assay serve --services=worker-manager --controller=10.0.0.1:7400 --host=0.0.0.0 --tls-cert=gpu-1.crt --tls-key=gpu-1.key --tls-ca=ca.crt",
    ],
    exits: ["0 ended as asked", "1 failed", "2 wrong options"],
  };
}

function mockPage(): CommandPage {
  return {
    name: "mock",
    aliases: [],
    usage: usageOf("mock", [], true),
    summary: "runs the built-in server until SIGTERM or Ctrl-C",
    operands: [],
    options: [
      ...optionTable.map((row): OptionRow => {
        const { flag, kind, value, doc, group } = row;
        return {
          spellings: [flag],
          value,
          choices: kind.is === "choice" ? kind.of : undefined,
          doc: defaultOf(row) === "" ? doc : `${doc} (default ${defaultOf(row)})`,
          group,
          isRepeatable: kind.is === "names" || kind.is === "rates",
        };
      }),
      helpRow("Metrics and GPUs"),
    ],
    notes: ["assay mock --help also tells the kinds of failures and how distributions are written."],
    examples: [
      "assay mock --port 8000 --ttft 50 --itl 10",
      "assay mock --ttft lognormal:80,30 --fail 429:0.05,reset-midway:0.01 --seed 7",
    ],
    exits: ["0 ended as asked", "1 failed", "2 wrong options"],
  };
}

function helpRow(group: string): OptionRow {
  return { spellings: ["-h", "--help"], doc: "this text", group, isRepeatable: false };
}
