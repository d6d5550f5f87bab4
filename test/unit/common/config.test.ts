import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { loadConfig } from "../../../services/common/config.ts";
import { configOver, defineConfig, describeConfig } from "../../../services/common/config-schema.ts";
import { AssayError } from "../../../services/common/errors.ts";

const schemas = {
  timing: defineConfig({
    port: { doc: "Port to listen on.", default: 0, format: "port", env: "ASSAY_TIMING_PORT", arg: "timing-port" },
    horizonMs: {
      doc: "How far ahead credits are issued.",
      default: 250,
      format: "number",
      env: "ASSAY_TIMING_HORIZON_MS",
      arg: "timing-horizon-ms",
      check: (ms: number) => (ms > 0 ? undefined : "more than 0"),
      suspect: (ms: number) => (ms > 10_000 ? `${ms} ms ahead is more than any worker waits` : undefined),
    },
    isStrict: {
      doc: "Whether late is fatal.",
      default: false,
      format: "boolean",
      env: "ASSAY_TIMING_STRICT",
      arg: "timing-strict",
    },
  }),
  "worker-manager": defineConfig({
    limit: { doc: "Most workers.", default: null, format: "nat", env: "ASSAY_WORKERS_LIMIT", arg: "workers-limit" },
    pacing: { doc: "How to wait.", default: "normal", format: ["normal", "precise"], env: "ASSAY_PACING", arg: "pacing" },
    hosts: { doc: "Where to start workers.", default: [], format: "list", env: "ASSAY_HOSTS", arg: "hosts" },
    joinToken: { doc: "Secret.", default: "", format: "string", env: "ASSAY_JOIN_TOKEN", arg: "join-token", sensitive: true },
  }),
};

const nothing = { argv: [], env: {} };

async function violationsOf(sources: Parameters<typeof loadConfig>[1]): Promise<Record<string, string>> {
  const error = await loadConfig(schemas, sources).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(AssayError);
  const { code, violations, message } = error as AssayError;
  expect(code).to.equal("invalid_argument");
  for (const { field, description } of violations) expect(message).to.include(`${field}: ${description}`);
  return Object.fromEntries(violations.map(({ field, description }) => [field, description]));
}

describe("config", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-config-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const fileOf = async (content: unknown) => {
    const path = join(folder, `${Math.random()}.json`);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };

  it("is made of the defaults when nothing is given", async () => {
    const { config, warnings } = await loadConfig(schemas, nothing);
    expect(config).to.deep.equal({
      timing: { port: 0, horizonMs: 250, isStrict: false },
      "worker-manager": { limit: null, pacing: "normal", hosts: [], joinToken: "" },
    });
    expect(warnings).to.deep.equal([]);
  });

  it("has a type for each format", async () => {
    const { config } = await loadConfig(schemas, nothing);
    const port: number = config.timing.port;
    const isStrict: boolean = config.timing.isStrict;
    const limit: number | null = config["worker-manager"].limit;
    const pacing: "normal" | "precise" = config["worker-manager"].pacing;
    const hosts: readonly string[] = config["worker-manager"].hosts;
    expect([port, isStrict, limit, pacing, hosts]).to.deep.equal([0, false, null, "normal", []]);
  });

  it("takes arguments before environment before file before default", async () => {
    const file = await fileOf({ timing: { port: 1, horizonMs: 1 }, "worker-manager": { limit: 1 } });
    const env = { ASSAY_TIMING_PORT: "2", ASSAY_TIMING_HORIZON_MS: "2" };
    const { config } = await loadConfig(schemas, { file, env, argv: ["--timing-port", "3"] });
    expect(config.timing).to.deep.equal({ port: 3, horizonMs: 2, isStrict: false });
    expect(config["worker-manager"].limit).to.equal(1);
  });

  it("cannot be changed, at any depth", async () => {
    const { config } = await loadConfig(schemas, { ...nothing, env: { ASSAY_HOSTS: "a,b" } });
    expect(() => Object.assign(config.timing, { port: 1 })).to.throw(TypeError);
    expect(() => (config["worker-manager"].hosts as string[]).push("c")).to.throw(TypeError);
  });

  for (const [text, value] of [
    ["true", true],
    ["1", true],
    ["false", false],
    ["0", false],
  ] as const) {
    it(`reads the text ${text} as ${value}`, async () => {
      expect((await loadConfig(schemas, { argv: [], env: { ASSAY_TIMING_STRICT: text } })).config.timing.isStrict).to.equal(
        value,
      );
    });
  }

  for (const [arg, value] of [
    ["--timing-strict", true],
    ["--timing-strict=false", false],
    ["--no-timing-strict", false],
  ] as const) {
    it(`reads the argument ${arg} as ${value}`, async () => {
      expect(
        (await loadConfig(schemas, { argv: [arg], env: { ASSAY_TIMING_STRICT: String(!value) } })).config.timing.isStrict,
      ).to.equal(value);
    });
  }

  it("keeps a text that looks like a number as it is", async () => {
    const { config } = await loadConfig(schemas, { argv: ["--join-token", "1e5"], env: { ASSAY_HOSTS: " a, 007 ,," } });
    expect(config["worker-manager"]).to.include({ joinToken: "1e5" });
    expect(config["worker-manager"].hosts).to.deep.equal(["a", "007"]);
  });

  it("counts an empty environment variable as unset", async () => {
    expect((await loadConfig(schemas, { argv: [], env: { ASSAY_TIMING_PORT: "" } })).config.timing.port).to.equal(0);
  });

  for (const [name, text, expected] of [
    ["ASSAY_TIMING_STRICT", "yes", 'must be true or false, got "yes" (ASSAY_TIMING_STRICT)'],
    ["ASSAY_TIMING_PORT", "80x", 'must be a port, 0 to 65535, got "80x" (ASSAY_TIMING_PORT)'],
    ["ASSAY_TIMING_PORT", "65536", "must be a port, 0 to 65535, got 65536 (ASSAY_TIMING_PORT)"],
    ["ASSAY_TIMING_HORIZON_MS", "-3", "must be more than 0, got -3 (ASSAY_TIMING_HORIZON_MS)"],
    ["ASSAY_WORKERS_LIMIT", "1.5", "must be a whole number, 0 or more, got 1.5 (ASSAY_WORKERS_LIMIT)"],
    ["ASSAY_PACING", "fast", 'must be one of normal, precise, got "fast" (ASSAY_PACING)'],
  ] as const) {
    it(`refuses ${name}=${text}`, async () => {
      expect(Object.values(await violationsOf({ argv: [], env: { [name]: text } }))).to.deep.equal([expected]);
    });
  }

  it("reports all problems of all sources at once, unknown names with the nearest known one", async () => {
    const file = await fileOf({ timing: { prot: 1, horizonMs: null, isStrict: { a: 1 } }, timming: {}, "worker-manager": 3 });
    const found = await violationsOf({
      file,
      env: { ASSAY_PACING: "fast" },
      argv: ["--timing-prot=1", "stray", "--timing-port"],
    });
    expect(found).to.deep.equal({
      "timing.prot": `unknown key in ${file}, did you mean port?`,
      timming: `unknown service in ${file}, did you mean timing?`,
      "worker-manager": "must be an object, got 3",
      "timing.horizonMs": "must be a number, got null (config file)",
      "timing.isStrict": 'must be true or false, got [{"a":1}] (config file)',
      "worker-manager.pacing": 'must be one of normal, precise, got "fast" (ASSAY_PACING)',
      "--timing-prot=1": "unknown argument, did you mean timing-port?",
      stray: "unknown argument",
      "--timing-port": "needs a value",
    });
  });

  it("is not misled by keys that every object has", async () => {
    const file = await fileOf(
      '{"__proto__": {"a": 1}, "constructor": {"prototype": {"polluted": 1}}, "timing": {"toString": 1}}',
    );
    const found = await violationsOf({ ...nothing, file });
    expect(Object.keys(found)).to.have.members(["__proto__", "constructor", "timing.toString"]);
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });

  it("names a file that is missing, and one that is not JSON", async () => {
    const missing = join(folder, "missing.json");
    const broken = await fileOf("{");
    expect((await violationsOf({ ...nothing, file: missing }))[missing]).to.match(/cannot be read as a config file: ENOENT/);
    expect((await violationsOf({ ...nothing, file: broken }))[broken]).to.match(/cannot be read as a config file/);
  });

  it("never quotes a secret", async () => {
    const file = await fileOf({ "worker-manager": { joinToken: 12345 } });
    expect(await violationsOf({ ...nothing, file })).to.deep.equal({
      "worker-manager.joinToken": "must be a text (config file)",
    });
  });

  it("warns of what is legal but suspect, and of unknown variables of its own prefix", async () => {
    const env = { ASSAY_TIMING_PROT: "1", ASSAY_OTHER: "1", HOME: "/", ASSAY_TIMING_HORIZON_MS: "20000" };
    const { warnings } = await loadConfig(schemas, { argv: [], env, otherEnv: ["ASSAY_OTHER"] });
    expect(warnings).to.deep.equal([
      "unknown environment variable ASSAY_TIMING_PROT, did you mean ASSAY_TIMING_PORT?",
      "timing.horizonMs: 20000 ms ahead is more than any worker waits",
    ]);
  });

  it("comes from a parent: what it names, over the defaults", async () => {
    const { config } = await loadConfig(schemas, { argv: ["--workers-limit=4"], env: {} });
    expect(configOver(schemas, JSON.parse(JSON.stringify(config)))).to.deep.equal(config);
    const part = configOver(schemas, { "worker-manager": { limit: 4 }, nobody: { limit: 1 } });
    expect(part).to.deep.equal(config);
    expect(() => Object.assign(part.timing, { port: 1 })).to.throw(TypeError);
    expect(() => configOver(schemas, { timing: { port: "x" } })).to.throw("timing.port: must be");
  });

  it("describes every key for a reference page", () => {
    expect(describeConfig(schemas).find(({ key }) => key === "limit")).to.deep.equal({
      service: "worker-manager",
      key: "limit",
      doc: "Most workers.",
      default: "(unset)",
      format: "a whole number, 0 or more",
      env: "ASSAY_WORKERS_LIMIT",
      arg: "--workers-limit",
      isSensitive: false,
    });
  });
});
