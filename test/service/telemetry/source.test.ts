import type { RequestListener } from "node:http";
import { expect } from "chai";
import { discoverSource } from "../../../services/telemetry/discovery.ts";
import { createPageFetcher, type PageFetcher } from "../../../services/telemetry/sources/http.ts";
import { openSource } from "../../../services/telemetry/sources/open-source.ts";
import { type PageServer, servePages } from "./page-server.ts";

describe("a page that is a source", () => {
  const never = new AbortController().signal;
  let fetcher: PageFetcher;
  let server: PageServer | undefined;
  const asked: string[] = [];
  const open = async (listener: RequestListener) => {
    server = await servePages((request, response) => {
      asked.push(request.url ?? "");
      listener(request, response);
    });
    return openSource(server.url, { fetcher, deadlineMs: 5000 });
  };
  beforeEach(() => {
    fetcher = createPageFetcher({ deadlineMs: 5000, maxBytes: 100_000 });
    asked.length = 0;
  });
  afterEach(async () => {
    await fetcher.close();
    await server?.close();
    server = undefined;
  });

  it("is read again and again with the same ids", async () => {
    let value = 0;
    const source = await open((_, response) => response.end(`a 7\nb ${value++}\n`));
    const readings = [await source.read(never), await source.read(never)];
    expect(readings.map((answer) => answer.kind === "reading" && [...answer.reading.values])).to.deep.equal([
      [7, 0],
      [7, 1],
    ]);
    expect(source.series.map(({ name }) => name)).to.deep.equal(["a", "b"]);
  });

  for (const [what, answer] of [
    ["is not there", (response) => response.writeHead(404).end()],
    ["is HTML", (response) => response.end("<html></html>")],
    ["is JSON", (response) => response.end('{"error": 1}\n')],
  ] as readonly (readonly [string, (response: Parameters<RequestListener>[1]) => void])[]) {
    it(`is looked for below /prometheus where /metrics ${what}, and stays there`, async () => {
      const source = await open((request, response) => {
        if (request.url === "/prometheus/metrics") response.end("trtllm_num_requests_running 3\n");
        else answer(response);
      });
      expect((await source.read(never)).kind).to.equal("reading");
      expect((await source.read(never)).kind).to.equal("reading");
      expect(asked).to.deep.equal(["/metrics", "/prometheus/metrics", "/prometheus/metrics"]);
    });
  }

  it("is looked for elsewhere once, and what is wrong with the first place is said", async () => {
    const source = await open((_, response) => response.writeHead(404).end());
    for (const _ of [1, 2]) expect(await source.read(never)).to.deep.include({ kind: "absent", reason: "HTTP status 404" });
    expect(asked).to.deep.equal(["/metrics", "/prometheus/metrics", "/metrics"]);
  });

  it("is not looked for elsewhere once it has been there", async () => {
    let answers = 0;
    const source = await open((_, response) => (answers++ === 0 ? response.end("a 1\n") : response.writeHead(503).end()));
    await source.read(never);
    expect(await source.read(never)).to.deep.include({ kind: "failed", reason: "HTTP status 503" });
    expect(asked).to.deep.equal(["/metrics", "/metrics"]);
  });

  it("says what half a page lacks", async () => {
    const source = await open((_, response) => response.end("a 1\nb 1"));
    const answer = await source.read(never);
    expect(answer).to.deep.include({ kind: "failed" });
    expect(answer.kind !== "reading" && answer.reason).to.include("line 2, column 4: expected the end of the line, got nothing");
  });

  it("is named without what is secret in its URL, and found without scheme and path", async () => {
    const source = await open((_, response) => response.end("a 1\n"));
    const { port } = new URL(source.name);
    const short = openSource(`user:s3cret@127.0.0.1:${port}?token=t0ken`, { fetcher, deadlineMs: 5000 });
    expect(short.name).to.equal(`http://127.0.0.1:${port}/metrics?token=***`);
    expect((await short.read(never)).kind).to.equal("reading");
    expect(asked).to.deep.equal(["/metrics?token=t0ken"]);
  });

  const options = { watchMs: 60_000, wallMs: () => 5_000, signal: never };

  it("is watched until its values change", async () => {
    let answers = 0;
    const source = await open((_, response) => response.end(`a ${answers++ < 2 ? 1 : 2}\n`));
    const found = await discoverSource(source, options);
    expect(found).to.deep.include({ isPresent: true, kind: "server", isAgeAtLeast: false, sizeBytes: 4 });
    expect(found.ageNs).to.be.above(0);
    expect(answers).to.equal(3);
  });

  it("is at least as old as it was watched where nothing changes, and nothing is said after one look", async () => {
    const source = await open((_, response) => response.end("a 1\n"));
    expect(await discoverSource(source, { ...options, watchMs: 1 })).to.deep.include({ isAgeAtLeast: true });
    expect(await discoverSource(source, { ...options, watchMs: 0 })).to.deep.include({ ageNs: undefined, isAgeAtLeast: false });
  });

  it("is as old as it says", async () => {
    const source = await open((_, response) => response.end("a 1 3000\n"));
    expect(await discoverSource(source, options)).to.deep.include({ ageNs: 2e9, isAgeAtLeast: false });
    expect(asked).to.have.lengthOf(1);
  });

  it("is not older than now where its clock, or this one, has jumped", async () => {
    const source = await open((_, response) => response.end("a 1 3603000\n"));
    expect(await discoverSource(source, options)).to.deep.include({ ageNs: 0, isAgeAtLeast: false });
  });
});
