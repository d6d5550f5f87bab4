import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { startServedSuite } from "../support/served-suite.ts";
import { blocksOf } from "../support/shell-page.ts";
import { endsWithinMs, runFile, type Stage, useStages } from "../support/suite.ts";

interface Asked {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** Carries `use` out against the server of docs/extending.md, and gives what that was asked by POST. */
async function againstServer(use: (url: string) => Promise<void>): Promise<Asked[]> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    if (request.method !== "POST") {
      response.writeHead(404).end();
      return;
    }
    asked.push({ path: request.url ?? "", body: JSON.parse(await text(request)) });
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of [{ text: "one " }, { text: "two" }, { done: true }]) {
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return asked;
}

const [example = ""] = await blocksOf(join(import.meta.dirname, "../../docs/extending.md"), "ts");

function start(stage: Stage, url: string, ...args: readonly string[]) {
  return stage.start([
    ...[
      "run",
      "-m",
      "mock",
      "-u",
      url,
      "--endpoint-type",
      "my-api",
      "--streaming",
      "--concurrency",
      "4",
      "--request-count",
      "12",
    ],
    ...["--workers-max", "2", "--isl", "16", "--osl", "8", "--extra-inputs", "top_k:3", "--no-gpu-telemetry"],
    ...["--artifact-dir", "out", "--ui", "none", ...args],
  ]);
}

/** A module whose functions are these. */
const moduleOf = (functions: string) =>
  `export const endpoints = { "my-api": (_, tools) => ({ path: "/generate", canStream: true, ${functions} }) };`;

describe("a run with an endpoint of the user's own", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("sends its bodies, reads its answers, and writes the same bodies to inputs.json: the example of docs/extending.md", async (stage) => {
    writeFileSync(join(stage.folder, "my-api.ts"), example);
    const asked = await againstServer(async (url) => {
      const { code, stderr, stdout } = await start(stage, url, "--endpoint-module", "my-api.ts", "--json", "--no-probe").exit();
      expect(code, stderr).to.equal(0);
      const [phase] = JSON.parse(stdout).phases;
      expect(phase.counts).to.include({ succeeded: 12, errored: 0 });
      expect(phase.metrics.time_to_first_token.count).to.equal(12);
    });
    expect(asked).to.have.lengthOf(12);
    for (const { path, body } of asked) {
      expect(path).to.equal("/generate");
      expect(body).to.include({ length: 8, stream: true, top_k: 3 }).and.have.property("prompt").that.is.a("string");
    }
    const out = join(stage.folder, "out");
    expect(runFile(out)).to.deep.include({ state: "COMPLETED", rows: 12, errors: { "": 12 } });
    const { data } = JSON.parse(readFileSync(join(out, "inputs.json"), "utf8"));
    const bodies = data.flatMap(({ payloads }: { payloads: object[] }) => payloads);
    expect(bodies).to.have.deep.members(asked.map(({ body }) => body));
  });

  const failing = [
    {
      title: "makes a body",
      functions: `formatBody() { throw new Error("bad luck"); }, parse: () => null`,
      phase: "send",
      posts: 0,
    },
    {
      title: "reads an answer",
      functions: `formatBody: () => tools.encodeJson({}), async parse() { throw new Error("bad luck"); }`,
      phase: "parse",
      posts: 12,
    },
  ];
  for (const { title, functions, phase, posts } of failing) {
    test(`has an error for each request when its function that ${title} throws, and no process dies`, async (stage) => {
      writeFileSync(join(stage.folder, "bad.mjs"), moduleOf(functions));
      const asked = await againstServer(async (url) => {
        const { code, stdout, stderr } = await start(stage, url, "--endpoint-module", "bad.mjs", "--no-probe").exit();
        expect(code, stderr).to.equal(1);
        expect(stderr).to.contain("all 12 requests failed");
        expect(stdout).to.match(new RegExp(`endpoint_module . ${phase} `));
      });
      expect(asked).to.have.lengthOf(posts);
      const file = runFile(join(stage.folder, "out"));
      expect(file).to.deep.include({ rows: 12, errors: { endpoint_module: 12 } });
      expect(file.events.filter(({ kind }) => kind.includes("lost"))).to.deep.equal([]);
    });
  }

  test("is checked against the target before, and told of an endpoint that cannot make the question", async (stage) => {
    writeFileSync(join(stage.folder, "bad.mjs"), moduleOf(`formatBody() { throw new Error("bad luck"); }, parse: () => null`));
    await againstServer(async (url) => {
      const { code, stderr } = await start(stage, url, "--endpoint-module", "bad.mjs").exit();
      expect(code, stderr).to.equal(1);
      expect(runFile(join(stage.folder, "out")).errors).to.deep.equal({ endpoint_module: 12 });
    });
  });

  const refused = [
    {
      title: "that throws",
      file: "throws.mjs",
      text: `throw new Error("boom");`,
      says: /^assay run: --endpoint-module \S+throws\.mjs: .*boom$/m,
    },
    {
      title: "that takes a name",
      file: "taken.mjs",
      text: "export const endpoints = { chat: () => ({}) };",
      says: /taken\.mjs: .* chat already/,
    },
    {
      title: "for a suite elsewhere",
      file: "own.ts",
      text: example,
      args: ["--controller", "127.0.0.1:1"],
      says: /not together with --controller$/m,
    },
    {
      title: "without the name",
      file: "own.ts",
      text: example,
      args: ["--endpoint-type", "your-api"],
      says: /must be .*my-api, got your-api/,
    },
  ];
  for (const { title, file, text: content, args = [], says } of refused) {
    test(`is refused before anything is sent with a module ${title}`, async (stage) => {
      writeFileSync(join(stage.folder, file), content);
      const asked = await againstServer(async (url) => {
        const { code, stdout, stderr } = await start(stage, url, "--endpoint-module", file, ...args).exit();
        expect(code, stderr).to.equal(2);
        expect(stderr).to.match(says);
        expect(stdout).to.equal("");
      });
      expect(asked).to.deep.equal([]);
    });
  }

  test("can be had of a suite whose operator gave it the module, and of no other", async (stage) => {
    const path = join(stage.folder, "my-api.ts");
    writeFileSync(path, example);
    for (const args of [["--endpoint-module", path], []]) {
      const suite = await startServedSuite({ args });
      try {
        const asked = await againstServer(async (url) => {
          const at = [
            "--controller",
            suite.address,
            "--token-file",
            suite.tokenFile,
            "--artifact-dir",
            join(stage.folder, "out"),
          ];
          const { code, stderr } = await start(stage, url, ...at, "--no-probe").exit();
          expect(code, stderr).to.equal(args.length === 0 ? 2 : 0);
        });
        expect(asked).to.have.lengthOf(args.length === 0 ? 0 : 12);
      } finally {
        await suite.stop();
      }
    }
  });
});
