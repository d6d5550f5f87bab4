import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { maskSecrets, secretsOf } from "../../../services/common/secrets.ts";

const spec = create(RunSpecSchema, {
  target: {
    urls: [{ url: "http://host/v1?api-key=query-key&api-version=2024-10" }],
    apiKey: "sk-canary",
    headers: { Authorization: "Bearer header-key", "x-tenant": "blue-team" },
    proxyUrl: "http://me:proxy-pass@proxy:3128",
  },
});

describe("a run's secrets", () => {
  it("are taken out of what a target says back, each by itself or with its scheme; other headers and values stay", () => {
    const said = "no such key: sk-canary (Bearer header-key, header-key, query-key, proxy-pass) for blue-team, 2024-10";
    expect(secretsOf(spec).mask(said)).to.equal("no such key: *** (***, ***, ***, ***) for blue-team, 2024-10");
    expect(secretsOf(create(RunSpecSchema)).mask(said)).to.equal(said);
  });

  it("are in no spec that is stored", () => {
    const stored = JSON.stringify(maskSecrets(spec), (_, value) => (typeof value === "bigint" ? String(value) : value));
    for (const secret of ["sk-canary", "header-key", "query-key", "proxy-pass"]) expect(stored).not.to.contain(secret);
  });
});
