/** A server whose every word steers the terminal of whoever reads it, and real commands that show what it said. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { useStage } from "../support/suite.ts";

/** Clears the screen, sets the title, links, writes to the clipboard, turns the direction; the same in bytes of C1. */
const steering =
  "\u001b[2J\u001b]0;owned\u0007\u001b]8;;http://x\u001b\\\u001b]52;c;AAAA\u0007\u009b2J\u009d0;t\u009c\u202egnp\u2066\b\u0000\u007f";
const unsteady = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Lines and tabs are the command's own. */
function unsteadyIn(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => unsteady.test(line.replaceAll("\t", "")))
    .map((line) => JSON.stringify(line));
}

describe("a server that steers terminals", function () {
  this.timeout(180_000);
  const stage = useStage();
  let server: Server;
  let url: string;
  let isRefusing: boolean;

  beforeEach(async () => {
    isRefusing = false;
    server = createServer((request, response) => {
      request.resume();
      request.once("end", () => {
        if (request.url?.includes("models"))
          return void response.end(JSON.stringify({ object: "list", data: [{ id: `mock${steering}` }, { id: "mock" }] }));
        const body = isRefusing
          ? { error: { message: `no ${steering}`, type: `t${steering}`, code: `c${steering}` } }
          : {
              model: `m${steering}`,
              choices: [
                { index: 0, message: { role: "assistant", content: `hello ${steering}` }, finish_reason: `stop${steering}` },
              ],
            };
        response.writeHead(isRefusing ? 400 : 200, { "content-type": "application/json", "x-words": "\u009b2J" });
        response.end(JSON.stringify(body));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  for (const refuses of [false, true]) {
    it(`is shown without any of it, ${refuses ? "where it refuses" : "where it answers"}, by send, run and what is stored of it`, async () => {
      isRefusing = refuses;
      const target = ["-m", "mock", "-u", url, "--tokenizer", "none", "--isl", "8", "--osl", "4", "--no-gpu-telemetry"];
      const sent = await stage.start(["send", "-m", "mock", "-u", url]).exit();
      const run = await stage
        .start([
          "run",
          ...target,
          "--request-count",
          "3",
          "--concurrency",
          "1",
          "--artifact-dir",
          "out",
          "--failed-request-threshold",
          "1",
        ])
        .exit();
      const records = await stage.start(["runs", "records", "out"]).exit();
      const show = await stage.start(["runs", "show", "out"]).exit();
      for (const [name, { stdout, stderr }] of Object.entries({ sent, run, records, show })) {
        expect([...unsteadyIn(stdout), ...unsteadyIn(stderr)], name).to.deep.equal([]);
      }
      expect(sent.stdout + sent.stderr).to.include(refuses ? "no \ufffd" : "hello \ufffd");
      expect(run.stdout + run.stderr).to.match(/requests|Requests/);
    });
  }
});
