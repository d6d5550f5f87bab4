import { expect } from "chai";
import { commands } from "../../../clients/cli/commands.ts";
import { readEnvironment, variableOf } from "../../../clients/cli/environment.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { serviceVariables } from "../../../services/manual.ts";

describe("options from the environment", () => {
  it("are variables by the names of the options", () => {
    const { options, given, problems } = readEnvironment(runFlags, {
      ASSAY_REQUEST_COUNT: "7",
      ASSAY_MODEL: "a,b",
      ASSAY_STREAMING: "1",
      ASSAY_QUIET: "FALSE",
      ASSAY_HEADER: '{"A":"b","C":"d"}',
      ASSAY_ARRIVAL_PATTERN: "Constant",
      ASSAY_CONCURRENCY: "",
      OTHER_CONCURRENCY: "4",
    });
    expect(options).to.deep.equal({
      requestCount: 7,
      models: ["a", "b"],
      streaming: true,
      quiet: false,
      headers: { A: "b", C: "d" },
      arrivalPattern: "constant",
    });
    expect([...given].sort()).to.deep.equal(["arrivalPattern", "headers", "models", "requestCount", "streaming"]);
    expect(problems).to.deep.equal([]);
  });

  it("are refused by variable, value and what was expected; secrets without the value", () => {
    const { problems } = readEnvironment(runFlags, { ASSAY_CONCURRENCY: "x", ASSAY_JSON: "yes", ASSAY_HEADER: "nothing" });
    expect(problems).to.have.members([
      "ASSAY_CONCURRENCY=x: expected an integer from 1 to 4294967295",
      "ASSAY_JSON=yes: expected true, 1, false or 0",
      "ASSAY_HEADER: expected Name:Value, or a JSON object of texts",
    ]);
  });

  it("have no name that means something else to a service", () => {
    const own = new Set(Object.values(runFlags).map(variableOf));
    const shared = serviceVariables().filter((name) => own.has(name));
    // Whoever sets these for a service means the same for a command.
    expect(shared.sort()).to.deep.equal([
      "ASSAY_CONTROLLER",
      "ASSAY_DATASET_CACHE_BYTES",
      "ASSAY_DATASET_CACHE_DIR",
      "ASSAY_DATASET_DIR",
      "ASSAY_ENDPOINT_MODULE",
      "ASSAY_INSECURE",
      "ASSAY_LOG_FILE",
      "ASSAY_LOG_LEVEL",
      "ASSAY_MAX_DATASET_BYTES",
      "ASSAY_PUBLIC_DATASET_URL",
      "ASSAY_TLS_CA",
      "ASSAY_TLS_CERT",
      "ASSAY_TLS_KEY",
    ]);
    expect(own.has("ASSAY_TOKEN"), "the token is no option").to.equal(false);
    expect(Object.keys(commands)).to.include("run");
  });
});
