import { expect } from "chai";
import { environmentOfChild } from "../../clients/cli/environment.ts";
import { configOfBootstrap } from "../../services/suite-config.ts";
import { telemetryConfig } from "../../services/telemetry/config.ts";

describe("the config of a process of a local suite", () => {
  const bootstrap = {
    ...{ token: undefined, controller: undefined, memberId: undefined, logFile: undefined, logLevel: undefined },
    config: { "worker-manager": { prespawn: 2 } },
  };

  it("has telemetry's own variables of the environment, and no other service's", () => {
    const env = { ASSAY_PAGE_DEADLINE_MS: "750", ASSAY_MAX_PAGE_BYTES: "", ASSAY_PRESPAWN: "9", ASSAY_HOST: "0.0.0.0" };
    const config = configOfBootstrap(bootstrap, env);
    expect(config.telemetry).to.deep.equal({ pageDeadlineMs: 750, maxPageBytes: 16_777_216 });
    expect(config["worker-manager"].prespawn).to.equal(2);
    expect(config.process.host).to.equal("127.0.0.1");
  });

  it("is given the variables that it looks at by whoever starts it, and none that may hold a key", () => {
    const bounds = Object.fromEntries(Object.values(telemetryConfig).map(({ env }) => [env, "750"]));
    expect(environmentOfChild({ ...bounds, ASSAY_API_KEY: "secret", PATH: "/bin" })).to.deep.equal({ ...bounds, PATH: "/bin" });
  });

  it("refuses a variable that is no value of its key", () => {
    expect(() => configOfBootstrap(bootstrap, { ASSAY_PAGE_DEADLINE_MS: "soon" })).to.throw(
      'telemetry.pageDeadlineMs: must be a whole number, 0 or more, got "soon"',
    );
  });
});
