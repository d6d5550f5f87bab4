import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { expect } from "chai";
import { datasetShowFlags } from "../../../clients/cli/dataset/flags.ts";
import { datasetDeleteFlags, datasetListFlags } from "../../../clients/cli/dataset/stored-flags.ts";
import type { FlagTable } from "../../../clients/cli/flags/flag.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { problemsOfRun, runSpecJson } from "../../../clients/cli/run-options.ts";
import { runsRecordsFlags, runsSummaryFlags } from "../../../clients/cli/runs/flags.ts";
import { withAbsolutePaths } from "../../../clients/cli/spec/input-files.ts";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { loadCompiler } from "../../../services/common/checks/compile.ts";
import { checkKinds } from "../../../services/common/checks/expectation.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { csvRows } from "../../../services/dataset/core/containers/csv-rows.ts";
import { jsonLines } from "../../../services/dataset/core/containers/json-lines.ts";
import { jsonValues } from "../../../services/dataset/core/containers/json-values.ts";
import { containerKind } from "../../../services/dataset/core/containers/kind.ts";
import type { RowContainer } from "../../../services/dataset/core/containers/row-item.ts";
import { formats } from "../../../services/dataset/core/formats/catalog.ts";
import type { ContainerName } from "../../../services/dataset/core/formats/format.ts";
import { publicSetOf, publicSets } from "../../../services/dataset/core/public-sets.ts";
import { loadingOf, readerTools } from "../dataset/core/loading.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/datasets.md"), "utf8");
/** Rows of a format: a block that says how it is written and the format's name. */
const examples = [...page.matchAll(/^```(jsonl|json|csv) (\w+)\n(.*?)^```/gms)].map(
  ([, container = "", format = "", rows = ""]) => ({
    container,
    format,
    rows,
  }),
);
/** Words of every command that is shown on a line of its own. */
const lines = [...page.matchAll(/^```sh\n(.*?)^```/gms)]
  .flatMap(([, block = ""]) => block.trimEnd().split("\n"))
  .map((line) => [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, one, two, three]) => one ?? two ?? three ?? ""));
const commands = lines.filter(([, command]) => command === "run").map((words) => words.slice(2));
const others = lines.filter(([, command]) => command !== "run");
const limit = 1 << 20;
const compile = await loadCompiler(checkKinds);
const containers: Readonly<Record<string, () => RowContainer>> = {
  jsonl: () => jsonLines(limit),
  json: () => jsonValues({ maxRowBytes: limit, maxDocumentBytes: limit }),
  csv: () => csvRows(limit),
};

describe("the public datasets in docs/datasets.md", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| `([^`]+)` +\| `[^`]+\/[^`]+`.*\| `([^`]+)` +\|$/gm)];

  it("are all that there are, with the names of their files and formats", () => {
    const expected = publicSets.map(({ name }) => {
      const found = publicSetOf({ name, subset: "", filters: {} });
      const { file, format } = "set" in found ? found.set : expect.fail(found.problem);
      return [name, file, format];
    });
    expect(rows.map(([, ...cells]) => cells)).to.deep.equal(expected);
  });
});

describe("the rows shown in docs/datasets.md", () => {
  it("are there", () => expect(examples).to.not.deep.equal([]));

  it("are of every container that is text", () => {
    expect(new Set(examples.map(({ container }) => container))).to.have.keys("jsonl", "json", "csv");
  });

  for (const { container, format, rows } of examples) {
    it(`can all be carried out as ${format}, and are known as that: ${rows.slice(0, 40)}`, () => {
      const { load } = loadingOf();
      const reader = containers[container]?.();
      const kind = containerKind(`example.${container}`, Buffer.from(rows));
      expect(kind).to.include({ name: container });
      load.enter({ file: `example.${container}`, isInFolder: false, container: container as ContainerName });
      reader?.push(Buffer.from(rows), (item) => load.take(item));
      reader?.end((item) => load.take(item));
      if (load.awaited === "counter") load.countBy(readerTools.countTokens);
      if (load.awaited === "compiler") load.compileBy(compile);
      const loaded = load.end();
      expect(loaded.format).to.equal(format);
      if (container === "jsonl") expect(loaded.usedRows).to.equal(rows.trimEnd().split("\n").length);
      expect([...loaded.unknownFields]).to.deep.equal([]);
    });
  }

  it("are of every format", () => {
    expect(examples.map(({ format }) => format)).to.include.members(formats.map(({ name }) => name));
  });

  it("are all blocks but those of commands", () => {
    const fences = [...page.matchAll(/^```(.+)$/gm)].map(([, opening]) => opening);
    expect(fences.filter((opening) => opening !== "sh")).to.deep.equal(
      examples.map(({ container, format }) => `${container} ${format}`),
    );
  });
});

describe("the commands shown in docs/datasets.md", () => {
  it("are there", () => expect(commands).to.have.length.above(9));

  for (const [program, command, subcommand, ...words] of others) {
    it(`have options that there are: ${[program, command, subcommand, ...words].join(" ")}`, () => {
      const tables: Readonly<Record<string, FlagTable>> = {
        "dataset show": datasetShowFlags,
        "dataset list": datasetListFlags,
        "dataset delete": datasetDeleteFlags,
        "runs records": runsRecordsFlags,
        "runs summary": runsSummaryFlags,
      };
      const table = tables[`${command} ${subcommand}`] ?? expect.fail(`assay ${command} ${subcommand} is no command`);
      expect([program, parseFlags(table, words, 1).problems]).to.deep.equal(["assay", []]);
    });
  }

  for (const words of commands) {
    it(`are runs that the controller accepts: ${words.join(" ")}`, () => {
      const { options, given, problems } = parseFlags(runFlags, words);
      expect(problems).to.deep.equal([]);
      const origins = new Map([...given].map((name) => [name, "argument"] as const));
      expect(problemsOfRun({ options, origins })).to.deep.equal([]);
      compileRunSpec(fromJson(RunSpecSchema, withAbsolutePaths(runSpecJson(options), "/data")), () => 1n);
    });
  }
});
