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

const parquet = (column: string): Buffer => {
  const answers = { name: "answer", data: [2, 4] };
  return Buffer.from(parquetWriteBuffer({ columnData: [{ name: column, data: ["1 + 1?", "2 + 2?"] }, answers] }));
};
const rows = parquet("problem");
const digest = createHash("sha256").update(rows).digest("hex");

describe("public datasets", () => {
  const harness = new Harness();
  let root: string;
  let asked: string[];
  let respond: Respond;
  let baseUrl: string;
  let told: PrepareProgress[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "assay-public-"));
    harness.onClose(() => rm(root, { recursive: true, force: true }));
    asked = [];
    respond = (_, response) => response.end(rows);
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      respond(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    harness.onClose(() => {
      server.closeAllConnections();
      server.close();
    });
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => harness.close());

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
  }

  async function load({ name = "aimo_aime", subset = "", filters = {}, ...options }: Options = {}): Promise<DatasetInfo> {
    const { hasStore = true, signal = new AbortController().signal, maxFileBytes = 1 << 20 } = options;
    const { folder, token } = options;
    const url = "baseUrl" in options ? options.baseUrl : baseUrl;
    const limits = {
      root: undefined,
      maxFileBytes,
      store: hasStore ? { folder: join(root, "cache"), maxBytes: 1 << 30 } : undefined,
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
    loaded.close();
    return loaded.info;
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
      if (request.url !== "/blob") response.writeHead(302, { location: elsewhere, "x-linked-etag": `"${digest}"` }).end();
      else response.end(rows);
    };
    expect(await load({ token: "secret" })).to.deep.include({ conversations: 2n });
    expect(tokens).to.deep.equal(["Bearer secret", undefined]);
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
    expect(asked[0]).to.equal("/datasets/some-body/agent.traces/resolve/refs%2Fconvert%2Fparquet/default/train/0000.parquet");
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
    expect(asked.map((path) => path.split("/").slice(-3).join("/"))).to.deep.equal([
      "default/train/0000.parquet",
      "default/partial-train/0000.parquet",
    ]);
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
