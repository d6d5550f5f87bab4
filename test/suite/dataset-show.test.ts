import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { type Exit, endsWithinMs, type Stage, useStages } from "../support/suite.ts";

const program = join(import.meta.dirname, "../../services/main.ts");
const row = (content: string): string => `${JSON.stringify({ text: content })}\n`;

/** Many commands after one another. */
const several = 14;

describe("assay dataset show", function () {
  this.timeout(several * endsWithinMs);
  const test = useStages();

  const show = (stage: Stage, ...args: readonly string[]): Promise<Exit> =>
    stage.start(["dataset", "show", ...args], stage.folder).exit();

  test("shows synthetic requests with their media where no file is named, and what is wrong with options", async (stage) => {
    const made = ["--isl", "20", "--image-width-mean", "16", "--image-height-mean", "8", "--num-prompts", "5"];
    const json = JSON.parse((await show(stage, ...made, "--image-batch-size", "2", "--json", "--requests", "1")).stdout);
    expect(json).to.deep.include({ name: "synthetic prose with 2 images a turn", conversations: 5 });
    expect(json.lengths.input_tokens).to.include({ min: 20, max: 20 });
    expect(json.media).to.have.length(1);
    expect(json.media[0]).to.deep.include({ modality: "image", turns: 5, count: 10 });
    expect(json.requests[0].body.messages[0].content).to.have.length(3);

    const lonely = await show(stage, "--image-width-mean", "16");
    expect(lonely).to.include({ code: 2, stdout: "" });
    expect(lonely.stderr).to.equal("assay dataset show: --image-width-mean 16: needs --image-height-mean beside it\n");
    writeFileSync(join(stage.folder, "p.jsonl"), row("Hello"));
    const both = await show(stage, "p.jsonl", ...made);
    expect(both.code).to.equal(2);
    expect(both.stderr)
      .to.include("--isl 20: not together with FILE")
      .and.include("--image-width-mean 16: not together with FILE");
  });

  test("shows a file, a folder and a trace without sending anything", async (stage) => {
    const path = join(stage.folder, "p.csv.gz");
    writeFileSync(path, gzipSync("text,output_length\r\nHello,12\r\nand then?,3\r\n"));
    const { code, stdout, stderr } = await show(stage, "p.csv.gz", "-m", "my-model", "--extra-inputs", "temperature:0.5");
    expect(code, stderr).to.equal(0);
    for (const part of [
      /Format +single_turn \(its first row has text, output_length\)/,
      /Written as +CSV/,
      /Rows +2\n/,
      /Output asked for \(tokens\) +│ +7\.50/,
      /Conversation 0: POST \/v1\/chat\/completions/,
      /"temperature": 0\.5/,
      /"model": "my-model"/,
      /"content": "and then\?"/,
    ]) {
      expect(stdout).to.match(part);
    }

    mkdirSync(join(stage.folder, "many"));
    for (const [name, at] of [
      ["b.jsonl", 1000],
      ["a.jsonl", 5000],
    ] as const) {
      writeFileSync(join(stage.folder, "many", name), `${JSON.stringify({ text: name, timestamp: at })}\n`);
    }
    const json = JSON.parse((await show(stage, "many", "--json", "--requests", "1", "--tokenizer", "none")).stdout);
    expect(json).to.deep.include({
      files: 2,
      rows: 2,
      first_timestamp_ms: 1000,
      last_timestamp_ms: 5000,
      timed_conversations: 2,
    });
    expect(json.requests.map(({ body }: { body: { messages: unknown } }) => body.messages)).to.deep.equal([
      [{ role: "user", content: "a.jsonl" }],
    ]);
    expect(json.lengths.input_tokens).to.equal(undefined);
  });

  test("says in one line what is wrong with a file, and ends with 2", async (stage) => {
    const at = (name: string): string => join(stage.folder, name);
    writeFileSync(at("empty.jsonl"), "");
    writeFileSync(at("broken.jsonl"), `${row("a").repeat(50_000)}{"text": nothing}\n${row("b").repeat(50_000)}`);
    writeFileSync(at("utf16.jsonl"), Buffer.from(`\ufeff${row("a")}`, "utf16le"));
    writeFileSync(at("other.jsonl"), '{"question":"a"}\n');
    writeFileSync(at("huge.jsonl"), row("a"));
    truncateSync(at("huge.jsonl"), 10 * 2 ** 30);
    mkdirSync(at("folder"));
    const bad: readonly (readonly [args: readonly string[], line: RegExp])[] = [
      [["gone.jsonl"], /gone\.jsonl is not there/],
      [["empty.jsonl"], /empty\.jsonl: the file holds no rows/],
      [["broken.jsonl"], /broken\.jsonl: line 50001, column 10: expected a value, got "n"/],
      [["utf16.jsonl"], /utf16\.jsonl: expected UTF-8, got UTF-16/],
      [["other.jsonl"], /other\.jsonl: line 1, column 1: no format that is known/],
      [
        ["other.jsonl", "--custom-dataset-type", "mutli_turn"],
        /--custom-dataset-type mutli_turn: there is no .*, did you mean multi_turn\?/,
      ],
      [["huge.jsonl"], /huge\.jsonl: has more than 2147483648 bytes \(--max-dataset-bytes\)/],
      [["folder"], /folder: holds no file that ends with/],
      [["/dev/zero"], /\/dev\/zero is no file/],
      [["empty.jsonl", "--tokenizer", "gpt2"], /--tokenizer gpt2: must be /],
    ];
    for (const [args, line] of bad) {
      const { code, stdout, stderr } = await show(stage, ...args);
      expect(code, stderr).to.equal(2);
      expect(stdout).to.equal("");
      expect(stderr)
        .to.match(line)
        .and.match(/^assay dataset show: [^\n]*\n$/);
    }
  });

  test("reads what a shell passes on of another program, once", async (stage) => {
    const env = { ...process.env, TMPDIR: stage.folder };
    writeFileSync(join(stage.folder, "rows.jsonl.gz"), gzipSync(row("a") + row("b")));
    const args = ["dataset", "show", "--json"].map((arg) => `'${arg}'`).join(" ");
    const command = `'${process.execPath}' '${program}' ${args} <(zcat rows.jsonl.gz)`;
    const shown = spawn("bash", ["-c", command], { cwd: stage.folder, stdio: ["ignore", "pipe", "inherit"], env });
    const { name, ...said } = JSON.parse(await text(shown.stdout));
    expect(name).to.match(/^\/dev\/fd\/\d+$/);
    expect(said).to.include({ rows: 2, format: "single_turn" });
    expect((await readdir(stage.folder)).filter((each) => each.startsWith("assay-input-"))).to.deep.equal([]);
  });

  test("reads standard input, gives it up at once at Ctrl-C, and leaves nothing of it behind", async (stage) => {
    const spools = async (): Promise<string[]> => (await readdir(stage.folder)).filter((name) => name.startsWith("assay-input-"));
    const env = { ...process.env, TMPDIR: stage.folder };
    const start = (...args: readonly string[]) =>
      spawn(process.execPath, [program, ...args], { cwd: stage.folder, stdio: "pipe", env });

    const shown = start("dataset", "show", "-", "--json");
    shown.stdin.end(`\ufeff${row("a").replace("\n", "\r\n")}${row("b")}`);
    expect(JSON.parse(await text(shown.stdout))).to.include({ name: "standard input", rows: 2, format: "single_turn" });

    const mock = await stage.mock();
    const run = start(
      ...[
        "run",
        "-m",
        "m",
        "-u",
        mock.url,
        "--input-file",
        "-",
        "--request-count",
        "4",
        "--json",
        "--quiet",
        "--no-gpu-telemetry",
      ],
    );
    run.stdin.end(gzipSync(row("from a pipe")));
    const results = JSON.parse(await text(run.stdout));
    expect(results.phases[0].identity).to.include({ succeeded: 4 });

    const waiting = start("run", "-m", "m", "-u", mock.url, "--input-file", "-");
    const ended = once(waiting, "exit");
    waiting.stdin.write(row("a"));
    while ((await spools()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    waiting.kill("SIGINT");
    expect((await ended)[0]).to.equal(130);
    expect(await spools()).to.deep.equal([]);
  });
});
