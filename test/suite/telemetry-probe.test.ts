import { expect } from "chai";
import { type Exit, endsWithinMs, type Stage, useStages } from "../support/suite.ts";

/** Commands after one another. */
const several = 2;

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
});
