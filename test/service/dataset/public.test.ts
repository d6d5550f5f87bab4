import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { DatasetInfo } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { asFileSource } from "../../../services/common/dataset-source.ts";
import { publicSetOf, publicSets } from "../../../services/dataset/core/public-sets.ts";
import type { PrepareProgress } from "../../../services/dataset/progress.ts";
import { loadDataset } from "../../../services/dataset/sources.ts";
import { failureOf, Harness } from "../rpc/harness.ts";

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

const parquet = (column: string, questions = ["1 + 1?", "2 + 2?"]): Buffer => {
  const answers = { name: "answer", data: questions.map((_, index) => index) };
  return Buffer.from(parquetWriteBuffer({ columnData: [{ name: column, data: questions }, answers] }));
};
/** The files of a set whose rows are in several, and all of their rows. */
const questions = [0, 1, 2].map((part) => Array.from({ length: 40 }, (_, row) => `${part} ${row} ${randomHex(part, row, 100)}`));
const parts = questions.map((each) => parquet("problem", each));
const partsBytes = parts.reduce((sum, { length }) => sum + length, 0);
const partOf = (url = ""): number => Number(/\/(\d{4})\.parquet$/.exec(url)?.[1] ?? 0);
const rows = parquet("problem");
const digest = createHash("sha256").update(rows).digest("hex");

describe("public datasets", () => {
  const harness = new Harness();
  let root: string;
  /** Paths of what was downloaded, and of what was looked for. */
  let asked: string[];
  let looked: string[];
  /** How many files each set has. */
  let hosted: number;
  let respond: Respond;
  let baseUrl: string;
  let told: PrepareProgress[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "assay-public-"));
    harness.onClose(() => rm(root, { recursive: true, force: true }));
    asked = [];
    looked = [];
    hosted = 1;
    respond = (_, response) => response.end(rows);
    const server = createServer((request, response) => {
      (request.method === "GET" ? asked : looked).push(request.url ?? "");
      if (partOf(request.url) < hosted) respond(request, response);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    harness.onClose(() => {
      server.closeAllConnections();
      server.close();
    });
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => harness.close());

  interface Loaded {
    readonly info: DatasetInfo;
    /** First messages of the conversations. */
    readonly prompts: readonly unknown[];
  }

  interface Options {
    readonly name?: string;
    readonly subset?: string;
    readonly filters?: Record<string, string>;
    readonly folder?: string | undefined;
    readonly baseUrl?: string | undefined;
    readonly token?: string;
    readonly hasStore?: boolean;
    readonly signal?: AbortSignal;
    readonly maxFileBytes?: number;
    readonly cacheBytes?: number;
  }

  async function load(options: Options = {}): Promise<DatasetInfo> {
    return (await loadPrompts(options)).info;
  }

  async function loadPrompts({ name = "aimo_aime", subset = "", filters = {}, ...options }: Options = {}): Promise<Loaded> {
    const { hasStore = true, signal = new AbortController().signal, maxFileBytes = 1 << 20 } = options;
    const { folder, token, cacheBytes = 1 << 30 } = options;
    const url = "baseUrl" in options ? options.baseUrl : baseUrl;
    const limits = {
      root: undefined,
      maxFileBytes,
      store: hasStore ? { folder: join(root, "cache"), maxBytes: cacheBytes } : undefined,
      publicFiles: { folder, baseUrl: url, token },
    };
    const source = asFileSource({ case: "public", value: { name, subset, filters } } as never);
    const request = {
      dataset: { source, turnDelayRatio: 1 } as never,
      tokenizer: "none",
      endpointPath: "/v1/chat/completions",
      seed: 1,
    };
    told = [];
    const loaded = await loadDataset(request, { limits, signal, onProgress: (progress) => told.push(progress) });
    try {
      const { dataset, info } = loaded;
      const firstOf = (conversation: number) => dataset.messages(conversation, 0).map(({ content }) => content);
      return { info, prompts: Array.from({ length: dataset.size }, (_, conversation) => firstOf(conversation)).flat() };
    } finally {
      loaded.close();
    }
  }

  const stored = (): string[] => {
    try {
      return readdirSync(join(root, "cache")).filter((name) => !name.endsWith(".json") && name !== "digests");
    } catch {
      return [];
    }
  };

  it("are downloaded once, and come from the cache then", async () => {
    for (let run = 0; run < 2; run++) {
      const info = await load();
      expect(info).to.deep.include({
        conversations: 2n,
        format: "column:problem",
        description: "aimo_aime.parquet (column:problem)",
      });
    }
    const path = "/datasets/AI-MO/aimo-validation-aime/resolve/refs%2Fconvert%2Fparquet/default/train/0000.parquet";
    expect(asked).to.deep.equal([path]);
    expect(stored()).to.deep.equal(["public-aimo_aime.parquet"]);
  });

  it("tell how much of them has come", async () => {
    respond = (_, response) => response.writeHead(200, { "content-length": rows.length }).end(rows);
    await load();
    const downloads = told.filter(({ step }) => step === "download");
    expect(downloads.at(-1)).to.deep.equal({ step: "download", rows: 0, doneBytes: rows.length, totalBytes: rows.length });
    await load();
    expect(told.filter(({ step }) => step === "download")).to.deep.equal([]);
  });

  const respondParts: Respond = ({ url }, response) => {
    const part = parts[partOf(url)] ?? Buffer.alloc(0);
    response.writeHead(200, { "content-length": part.length }).end(part);
  };
  const respondUnsized: Respond = ({ url }, response) => response.end(parts[partOf(url)]);
  const storedParts = ["public-aimo-part-0001.parquet", "public-aimo-part-0002.parquet", "public-aimo.parquet"];

  it("of several files are all of them, their rows in order, each downloaded once, and the next time nothing is asked for", async () => {
    hosted = 3;
    respond = respondParts;
    for (let run = 0; run < 2; run++) {
      const { info, prompts } = await loadPrompts({ name: "aimo", baseUrl: run === 0 ? baseUrl : undefined });
      expect(prompts).to.deep.equal(questions.flat());
      expect(info).to.deep.include({ description: "aimo (column:problem)", warnings: [] });
      expect(info.file).to.deep.include({ name: "aimo", files: 3n, rows: 120n });
    }
    expect(asked.map(partOf)).to.deep.equal([0, 1, 2]);
    expect(stored()).to.have.members(storedParts);
  });

  it("of several files tell how much of all has come", async () => {
    hosted = 3;
    respond = respondParts;
    await load({ name: "aimo" });
    const downloads = told.filter(({ step }) => step === "download");
    expect(new Set(downloads.map(({ totalBytes }) => totalBytes))).to.deep.equal(new Set([partsBytes]));
    expect(downloads.map(({ doneBytes }) => doneBytes)).to.include(parts[0]?.length);
    expect(downloads.at(-1)?.doneBytes).to.equal(partsBytes);
  });

  it("whose download was ended go on where it was, and are not taken for whole until then", async () => {
    hosted = 3;
    const digests = parts.map((part) => createHash("sha256").update(part).digest("hex"));
    const linked = (url: string | undefined) => ({ "x-linked-etag": `"${digests[partOf(url)]}"` });
    const failures: readonly (readonly [Respond, RegExp])[] = [
      [
        ({ url, method }, response) =>
          partOf(url) === 2 && method === "GET" ? response.writeHead(500).end() : response.end(parts[partOf(url)]),
        /the file aimo-part-0002\.parquet is not in the cache, .*HTTP 500/,
      ],
      [
        ({ url }, response) => response.writeHead(200, linked(url)).end(parts[partOf(url)]?.toReversed()),
        /aimo-part-0002\.parquet: what came has another checksum/,
      ],
      [
        ({ url, method }, response) =>
          method === "HEAD"
            ? response.writeHead(302, { location: "/elsewhere", "x-linked-size": `${parts[partOf(url)]?.length}` }).end()
            : response.end("less"),
        /aimo-part-0002\.parquet: 4 bytes came, its host says that it has \d+/,
      ],
    ];
    for (const [answer, text] of failures) {
      respond = answer;
      expect((await failureOf(load({ name: "aimo" }))).message).to.match(text);
      expect(stored()).to.have.members(storedParts.filter((name) => !name.includes("0002")));
    }
    expect((await failureOf(load({ name: "aimo", baseUrl: undefined }))).message).to.match(
      /the file aimo-part-0002\.parquet is not in the cache, .* nothing is downloaded here/,
    );
    respond = respondParts;
    expect((await loadPrompts({ name: "aimo" })).prompts).to.deep.equal(questions.flat());
    expect(asked.map(partOf)).to.deep.equal([0, 1, 2, 2, 2, 2]);
  });

  for (const [host, answer] of [
    ["", respondParts],
    [" of a host that does not say how large they are", respondUnsized],
  ] as const) {
    it(`are taken as far as the limit allows${host}, which is said, and further once it allows more`, async () => {
      hosted = 3;
      respond = answer;
      const two = partsBytes - (parts[2]?.length ?? 0);
      const cut = [`aimo: its first 2 files were taken, with the next they have more than ${two} bytes (--max-dataset-bytes)`];
      for (const url of [baseUrl, undefined]) {
        const { info, prompts } = await loadPrompts({ name: "aimo", maxFileBytes: two, baseUrl: url });
        expect(prompts).to.deep.equal([questions[0], questions[1]].flat());
        expect(info.warnings).to.deep.equal(cut);
      }
      expect((await load({ name: "aimo", baseUrl: undefined })).warnings).to.have.lengthOf(1);
      expect((await loadPrompts({ name: "aimo" })).prompts).to.deep.equal(questions.flat());
      expect(asked.map(partOf).filter((part) => part < 2)).to.deep.equal([0, 1]);
      expect((await loadPrompts({ name: "aimo", maxFileBytes: two })).info.warnings).to.deep.equal(cut);
      const one = { name: "aimo", maxFileBytes: parts[0]?.length ?? 0 };
      expect((await loadPrompts(one)).prompts).to.deep.equal(questions[0]);
      expect((await load(one)).warnings.join()).to.match(/^aimo\.parquet: its first file was taken, /);
    });
  }

  it("are read as far as the limit allows where their rows are larger than their files", async () => {
    hosted = 2;
    const rowsOf = (part: number) => Array.from({ length: 100 }, (_, row) => `${part} ${row} ${"the same ".repeat(100)}`);
    const packed = [0, 1].map((part) => parquet("problem", rowsOf(part)));
    respond = ({ url }, response) => response.end(packed[partOf(url)]);
    const maxFileBytes = 120_000;
    const { info, prompts } = await loadPrompts({ name: "aimo", maxFileBytes });
    expect(prompts).to.deep.equal(rowsOf(0));
    expect(info.warnings).to.deep.equal([
      `aimo: its first 100 rows were read, all have more than ${maxFileBytes} bytes (--max-dataset-bytes)`,
    ]);
    expect((await loadPrompts({ name: "aimo" })).prompts).to.deep.equal([rowsOf(0), rowsOf(1)].flat());
  });

  it("of several files are prepared for later runs, of each limit what it allows", async () => {
    hosted = 4;
    const rowsOf = (part: number) =>
      Array.from({ length: 100 }, (_, row) => `${part} ${row} ${randomHex(part, row, 3500)} ${"the same ".repeat(400)}`);
    const large = [0, 1, 2, 3].map((part) => parquet("problem", rowsOf(part)));
    respond = ({ url }, response) => response.end(large[partOf(url)]);
    const whole = [0, 1, 2, 3].flatMap(rowsOf);
    const maxFileBytes = 2_200_000;
    expect(large.reduce((sum, { length }) => sum + length, 0)).to.be.within(1 << 20, maxFileBytes);
    for (let run = 0; run < 2; run++) {
      expect((await loadPrompts({ name: "aimo", maxFileBytes })).prompts).to.deep.equal(whole.slice(0, 300));
      expect((await loadPrompts({ name: "aimo", maxFileBytes: 1 << 24 })).prompts).to.deep.equal(whole);
    }
    expect(stored().filter((name) => name.startsWith("prepared-"))).to.have.lengthOf(2);
  });

  it("of several files name the one whose row cannot be used", async () => {
    hosted = 2;
    const broken = Buffer.from(parts[1] ?? []).fill(0xff, 8, 200);
    respond = ({ url }, response) => response.end(partOf(url) === 1 ? broken : parts[0]);
    const { message } = await failureOf(load({ name: "aimo" }));
    expect(message).to.match(/^aimo, aimo-part-0001\.parquet: cannot be read as a Parquet file: /);
  });

  it("of several files may lie beside each other in a folder of one's own", async () => {
    const folder = join(root, "sets");
    await mkdir(folder);
    const names = ["aimo.parquet", "aimo-part-0001.parquet", "aimo-part-0002.parquet"];
    await Promise.all(names.map((name, part) => writeFile(join(folder, name), parts[part] ?? "")));
    const { prompts } = await loadPrompts({ name: "aimo", folder, baseUrl: undefined, hasStore: false });
    expect(prompts).to.deep.equal(questions.flat());
  });

  it("of several files are kept while they are read, though the cache has no room for them", async () => {
    hosted = 3;
    respond = respondParts;
    const { prompts } = await loadPrompts({ name: "aimo", cacheBytes: 1 });
    expect(prompts).to.deep.equal(questions.flat());
    expect(stored()).to.deep.equal([]);
  });

  it("of another subset are another file, though the set has one by itself", async () => {
    await load();
    await load({ subset: "other" });
    expect(stored()).to.have.members(["public-aimo_aime.parquet", "public-aimo_aime-other.parquet"]);
  });

  it("have subsets where they say so", async () => {
    respond = (_, response) => response.end(parquet("question"));
    await load({ name: "spec_al_gsm8k" });
    await load({ name: "spec_al_gsm8k", subset: "socratic" });
    expect(asked.map((path) => path.split("/").slice(-3).join("/"))).to.deep.equal([
      "main/test/0000.parquet",
      "socratic/test/0000.parquet",
    ]);
    expect(stored()).to.have.lengthOf(2);
  });

  it("come from a folder of one's own before anything else, without a network or a cache", async () => {
    const folder = join(root, "sets");
    await mkdir(folder);
    await writeFile(join(folder, "aimo_aime.parquet"), rows);
    expect(await load({ folder, baseUrl: undefined, hasStore: false })).to.deep.include({ conversations: 2n });
    expect(asked).to.deep.equal([]);
  });

  it("follow a host that keeps its files elsewhere, whose token it alone gets and whose checksum counts", async () => {
    const tokens: (string | undefined)[] = [];
    respond = (request, response) => {
      tokens.push(request.headers.authorization);
      const elsewhere = `${baseUrl.replace("127.0.0.1", "localhost")}/blob`;
      const linked = { "x-linked-etag": `"${digest}"`, "x-linked-size": rows.length };
      if (request.url !== "/blob") response.writeHead(302, { location: elsewhere, ...linked }).end();
      else response.end(rows);
    };
    expect(await load({ token: "secret" })).to.deep.include({ conversations: 2n });
    expect(tokens).to.deep.equal(["Bearer secret", "Bearer secret", undefined]);
    respond = (request, response) => {
      if (request.url !== "/blob") response.writeHead(302, { location: "/blob", "x-linked-etag": `"${digest}"` }).end();
      else response.end("something else");
    };
    expect(await failureOf(load({ name: "aimo" }))).to.include({ code: "data_loss" });
    expect(stored()).to.deep.equal(["public-aimo_aime.parquet"]);
  });

  it("say which file is wanted and where to put it when they cannot be had", async () => {
    const cases: readonly (readonly [Options, RegExp])[] = [
      [
        { baseUrl: undefined },
        /aimo_aime\.parquet is not in the cache, and cannot be downloaded: nothing is downloaded here \(HF_HUB_OFFLINE, or an empty --public-dataset-url\); put it into a folder/,
      ],
      [{ baseUrl: "http://127.0.0.1:1" }, /http:\/\/127\.0\.0\.1:1: .*(ECONNREFUSED|bad port)/],
      [{ hasStore: false, folder: "/data/sets" }, /not in \/data\/sets, .* no cache .* put it into \/data\/sets/],
    ];
    for (const [options, text] of cases) {
      const error = await failureOf(load(options));
      expect(error.code).to.equal("unavailable");
      expect(error.message)
        .to.match(text)
        .and.match(/--custom-dataset-type column:problem/);
      expect(error.violations[0]?.field).to.equal("dataset.file.path");
    }
  });

  for (const { name } of publicSets) {
    it(`say so of ${name}, too, by the name that its file has`, async () => {
      const found = publicSetOf({ name, subset: "", filters: {} });
      const { file, format } = "set" in found ? found.set : expect.fail(found.problem);
      const { message } = await failureOf(load({ name, baseUrl: undefined }));
      expect(message).to.contain(`public dataset ${name}: the file ${file} is not in the cache`);
      expect(message).to.contain(`give it as --input-file with --custom-dataset-type ${format}`);
    });
  }

  it("leave nothing of a download that fails", async () => {
    const cases: readonly (readonly [Respond, Options, RegExp])[] = [
      [(_, response) => response.writeHead(404).end(), {}, /HTTP 404/],
      [(_, response) => response.writeHead(401).end(), {}, /HTTP 401 \(HF_TOKEN may be needed\)/],
      [(_, response) => response.writeHead(302, { location: "/again" }).end(), {}, /more than 5 redirects/],
      [
        (_, response) =>
          response.writeHead(200, { "content-length": "100" }).write("half") && setTimeout(() => response.destroy(), 20),
        {},
        /aimo_aime/,
      ],
      [(_, response) => response.end(rows), { maxFileBytes: 10 }, /more than 10 bytes/],
    ];
    for (const [answer, options, text] of cases) {
      respond = answer;
      expect((await failureOf(load(options))).message).to.match(text);
      expect(stored(), String(text)).to.deep.equal([]);
    }
    respond = () => {};
    const stopped = new AbortController();
    setTimeout(() => stopped.abort(new Error("nobody waits")), 50);
    expect((await failureOf(load({ signal: stopped.signal }))).message).to.equal("nobody waits");
    expect(stored()).to.deep.equal([]);
  });

  it("are refused by name where they are not read, do not exist, or have no such subset or field", async () => {
    const cases: readonly (readonly [Options, string, RegExp])[] = [
      [{ name: "weka_hf" }, "invalid_argument", /expected weka_hf:OWNER\/NAME, .* got weka_hf$/],
      [{ name: "weka_hf:../x" }, "invalid_argument", /expected weka_hf:OWNER\/NAME, .* got weka_hf:\.\.\/x$/],
      [{ name: "weka_hf:one/two/three" }, "invalid_argument", /expected weka_hf:OWNER\/NAME/],
      [
        { name: "exgentic", filters: { benchmark: "swebench" } },
        "invalid_argument",
        /is filtered by harness, source_model, got benchmark/,
      ],
      [{ name: "exgentic_v2", filters: { benchmark: "swebensh" } }, "invalid_argument", /got swebensh, did you mean swebench/],
      [{ name: "aimo_aima" }, "invalid_argument", /there is no public dataset aimo_aima.*aimo_aime/],
      [{ filters: { level: "5" } }, "invalid_argument", /declares no field to filter by, got level/],
      [{ name: "sharegpt", subset: "x" }, "invalid_argument", /no subsets/],
      [{ subset: "../x" }, "invalid_argument", /cannot have a subset/],
    ];
    for (const [options, code, text] of cases) {
      const error = await failureOf(load(options));
      expect(error.code).to.equal(code);
      expect(error.message).to.match(text);
    }
    expect(asked).to.deep.equal([]);
  });

  it("are any dataset of the host that has agents' traces, by its own name", async () => {
    respond = (_, response) => response.writeHead(404).end();
    const { message } = await failureOf(load({ name: "weka_hf:some-body/agent.traces" }));
    expect(message).to.match(/the file some-body--agent\.traces-default\.parquet .*HTTP 404.*--custom-dataset-type weka_trace/);
    expect(looked[0]).to.equal("/datasets/some-body/agent.traces/resolve/refs%2Fconvert%2Fparquet/default/train/0000.parquet");
  });

  it("have names of their own, and files that can lie in one folder", () => {
    const found = publicSets.map(({ name }) => publicSetOf({ name, subset: "", filters: {} }));
    const files = found.map((each) => ("set" in each ? each.set.file : expect.fail(each.problem)));
    expect(new Set(files).size).to.equal(publicSets.length);
    for (const file of files) expect(`public-${file}`).to.match(/^[\w.-]+$/);
  });

  it("that are too large for their host to make them whole are taken as far as it has them", async () => {
    respond = (request, response) => {
      if (!request.url?.includes("/partial-")) response.writeHead(404).end();
      else response.end(rows);
    };
    expect(await load()).to.deep.include({ conversations: 2n });
    const ends = (paths: readonly string[]) => paths.map((path) => path.split("/").slice(-2).join("/"));
    expect(ends(looked)).to.deep.equal(["train/0000.parquet", "partial-train/0000.parquet", "partial-train/0001.parquet"]);
    expect(ends(asked)).to.deep.equal(["partial-train/0000.parquet"]);
  });

  it("come from the host that somebody chose, though another one serves them", async () => {
    respond = (_, response) => response.end('{"question_id": 1, "turns": ["one", "two"]}\n');
    expect(await load({ name: "spec_bench" })).to.deep.include({ conversations: 1n, turns: 1n });
    expect(asked.join()).to.match(/^\/hemingkx\/Spec-Bench\/[0-9a-f]{40}\/data\/spec_bench\/question\.jsonl$/);
  });

  it("may be written in another way in a folder of one's own", async () => {
    const folder = join(root, "sets");
    await mkdir(folder);
    await writeFile(join(folder, "aimo_aime.jsonl.gz"), gzipSync('{"problem": "1 + 1?"}\n'));
    expect(await load({ folder, baseUrl: undefined, hasStore: false })).to.deep.include({ conversations: 1n });
  });

  it("of coding agents are read from the Parquet file of their rows, whose requests have gaps", async () => {
    const folder = join(import.meta.dirname, "../../fixtures/aiperf-inputs/public");
    const info = await load({ name: "semianalysis_cc_traces_weka_062126", folder, baseUrl: undefined, hasStore: false });
    expect(info).to.deep.include({ format: "weka_trace", conversations: 3n, turns: 4n });
  });

  it("of agents are filtered by what recorded them", async () => {
    const folder = join(import.meta.dirname, "../../fixtures/aiperf-inputs/public");
    const of = { name: "exgentic", folder, baseUrl: undefined, hasStore: false };
    expect(await load({ ...of, filters: { harness: "claude_code" } })).to.deep.include({ conversations: 1n, turns: 2n });
    const { warnings, turns } = await load({ ...of, filters: { source_model: "Claude-Opus-4-5" } });
    expect(turns).to.equal(1n);
    expect(warnings).to.deep.equal(["exgentic.parquet: sessions that are not asked for (--dataset-filter) were left out: 1"]);
  });
});

/** Text that can hardly be compressed. */
function randomHex(part: number, row: number, chars: number): string {
  return createHash("shake256", { outputLength: chars / 2 })
    .update(`${part} ${row}`)
    .digest("hex");
}
