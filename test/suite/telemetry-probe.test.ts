import { expect } from "chai";
import { servePages } from "../service/telemetry/page-server.ts";
import { type Exit, endsWithinMs, type Stage, useStages } from "../support/suite.ts";

/** Commands after one another. */
const several = 5;

describe("assay telemetry probe", function () {
  this.timeout(several * endsWithinMs);
  const test = useStages();

  const probe = (stage: Stage, ...args: readonly string[]): Promise<Exit> =>
    stage.start(["telemetry", "probe", ...args, "--timeout", "60"], stage.folder).exit();

  test("says what pages are of, what they have values of, and how old those get", async (stage) => {
    const mock = await stage.mock();
    const { code, stdout } = await probe(stage, mock.dcgmUrl, mock.url.replace("http://", ""), "--json");
    expect(code).to.equal(0);
    const [gpus, server] = JSON.parse(stdout);
    expect(gpus).to.deep.include({ kind: "dcgm", is_present: true, is_age_at_least: false });
    expect(gpus.subjects).to.have.lengthOf(2);
    expect(gpus.age_ms).to.be.above(0);
    expect(gpus.fields).to.deep.include({
      name: "nvidia_power_usage",
      unit: "W",
      type: "gauge",
      help: "Power draw (in W).",
      common_name: "",
      series: 2,
    });
    expect(server).to.deep.include({ url: `${mock.url}/metrics`, kind: "server" });
    expect(server.fields.map(({ common_name: name }: { common_name: string }) => name)).to.include.members(["running", "ttft"]);
    const shown = await probe(stage, mock.dcgmUrl, "--watch", "0");
    expect(shown.stdout).to.match(/nvidia_energy_consumption +│ counter +│ J /);
  });

  test("shows a password to the page alone, and fails where one of the sources is not there", async (stage) => {
    const asked: (string | undefined)[] = [];
    const page = await servePages(({ headers }, response) => {
      asked.push(headers.authorization);
      response.writeHead(asked.length === 1 ? 200 : 401).end("up 1\n");
    });
    after(() => page.close());
    const url = page.url.replace("//", "//user:s3cret-word@");
    const { code, stdout, stderr } = await probe(stage, url, "127.0.0.1:1", "--watch", "0");
    expect(code).to.equal(1);
    expect(asked[0]).to.equal(`Basic ${Buffer.from("user:s3cret-word").toString("base64")}`);
    expect(stdout).to.include(page.url).and.to.include("ECONNREFUSED");
    const refused = await probe(stage, page.url, "--telemetry-header", "Authorization:Bearer t0ken-word", "--watch", "0");
    expect(refused.code).to.equal(1);
    expect(asked).to.include("Bearer t0ken-word");
    expect(refused.stdout).to.include("HTTP status 401");
    for (const said of [stdout, stderr, refused.stdout, refused.stderr]) expect(said).not.to.match(/s3cret-word|t0ken-word/);
  });
});
