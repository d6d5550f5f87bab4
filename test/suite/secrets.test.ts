/** Secrets of a run are looked for in everything that it shows and leaves: its processes while they run, its output, its files. */
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { type Command, endsWithinMs, rowsIn, runFile, useStages } from "../support/suite.ts";

const secrets = {
  key: "c4nary-api-key-1f9b",
  header: "c4nary-header-7a20",
  query: "c4nary-query-5d3e",
  proxyPassword: "c4nary-proxy-93c1",
  telemetry: "c4nary-telemetry-0be4",
} as const;

/**
 * Says back what it was asked with: every third time in the body of an error, every fifth time before it breaks off midway, else in its
 * answer's headers.
 */
async function startTellingServer(): Promise<Server> {
  let requests = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await text(request);
    if (request.method === "GET") return void response.writeHead(404).end(JSON.stringify(request.headers));
    requests++;
    if (requests % 3 === 0) {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: `no: ${JSON.stringify(request.headers)} ${request.url}` } }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "x-asked-by": String(request.headers.authorization) });
    for (let chunk = 0; chunk < 8; chunk++) {
      response.write(`data: ${JSON.stringify({ choices: [{ delta: { content: ` word${chunk}` } }] })}\n\n`);
      await delay(10);
      if (requests % 5 === 0 && chunk === 3) return void response.destroy();
    }
    response.end("data: [DONE]\n\n");
  };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** The secret itself, and as the header of a proxy carries it. */
function formsOf(secret: string): string[] {
  return [secret, Buffer.from(`user:${secret}`).toString("base64")];
}

describe("the secrets of a run", function () {
  this.timeout(6 * endsWithinMs);
  const test = useStages();

  test("stand in no argument, environment, log, file or message, whatever fails", async (stage) => {
    const server = await startTellingServer();
    const proxy = await startConnectProxy({ credentials: `user:${secrets.proxyPassword}` });
    try {
      const { port } = server.address() as AddressInfo;
      const everything = ["--export-level", "raw", "--export-http-trace", "--export-outputs-json", "-v"];
      const command = stage.start(
        [
          ...["run", "-m", "mock", "--streaming", "--concurrency", "6", "--request-count", "120", "--workers-max", "2"],
          ...["--isl", "16", "--osl", "8", "--failed-request-threshold", "1", "--no-probe", "--artifact-dir", "out"],
          ...["--log-file", "suite.log", "--random-seed", "7", "--telemetry-interval", "200", ...everything],
        ],
        stage.folder,
        {
          ASSAY_URL: `http://127.0.0.1:${port}/v1?api_key=${secrets.query}`,
          ASSAY_API_KEY: secrets.key,
          ASSAY_HEADER: `X-Team-Token: ${secrets.header}`,
          ASSAY_PROXY: proxy.url.replace("://", `://user:${secrets.proxyPassword}@`),
          ASSAY_TELEMETRY_HEADER: `Authorization: Bearer ${secrets.telemetry}`,
          ASSAY_GPU_TELEMETRY: `http://127.0.0.1:${port}/metrics`,
        },
      );
      await command.until("a run under way", () => rowsIn(join(stage.folder, "out")) >= 10);
      const token = suiteTokenIn(join(stage.folder, "assay", "suites"));
      const canaries = [...Object.values(secrets), token].flatMap(formsOf);
      expectNoneIn(processesOf(command), canaries);
      command.signal("SIGKILL", command.pids("worker")[0] ?? 0);
      await command.until("the death of a worker", () => command.stderr.includes("takes its place"));
      expectNoneIn(processesOf(command), canaries);
      const { stdout, stderr } = await command.exit();
      const file = runFile(join(stage.folder, "out"));
      expect(file.rows).to.be.above(60);
      expect(Object.keys(file.errors), stderr).to.include("http_5xx").and.have.length.above(2);
      expect(proxy.heads.length, "tunnels").to.be.above(0);
      const files = filesBelow(stage.folder);
      expect(files.map(([name]) => name).join("\n"))
        .to.include("run.db")
        .and.include("catalog.db")
        .and.include("suite.log");
      expectNoneIn([["stdout", stdout], ["stderr", stderr], ...files], canaries);
    } finally {
      await proxy.stop();
      server.close();
      server.closeAllConnections();
    }
  });
});

type Place = readonly [name: string, text: string | Buffer];

function expectNoneIn(places: readonly Place[], canaries: readonly string[]): void {
  const found = places.flatMap(([name, content]) =>
    canaries.flatMap((canary) => (content.includes(canary) ? [`${canary} in ${name}: ${around(content, canary)}`] : [])),
  );
  expect(found).to.deep.equal([]);
}

function around(content: string | Buffer, canary: string): string {
  const shown = content.toString("latin1");
  const at = shown.indexOf(canary);
  return JSON.stringify(shown.slice(Math.max(0, at - 80), at + canary.length + 20));
}

/** Arguments of every process, and the environment of all that the command has started; its own is what the user gave it. */
function processesOf(command: Command): Place[] {
  return command.processes().flatMap(({ pid, role, words }): Place[] => {
    const environ = role === "cli" ? "" : readIfThere(`/proc/${pid}/environ`);
    return [
      [`the arguments of ${role} ${pid}`, words],
      [`the environment of ${role} ${pid}`, environ],
    ];
  });
}

/** Of the file by which other commands of the same user find the suite. */
function suiteTokenIn(folder: string): string {
  const [name = ""] = readdirSync(folder);
  return JSON.parse(readFileSync(join(folder, name), "utf8")).token;
}

function filesBelow(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => existsSync(path) && statSync(path).size > 0)
    .map((path): Place => [path, readFileSync(path)]);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has ended in the meantime.
    return "";
  }
}
