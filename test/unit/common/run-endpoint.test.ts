import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { EndpointSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { endpointOf, endpointOptions, inputsOfBodies } from "../../../services/common/run-endpoint.ts";

const specOf = (init: MessageInitShape<typeof EndpointSpecSchema>) => create(EndpointSpecSchema, init);

describe("the endpoint of a run", () => {
  it("is chat where nobody says another, and refused where there is none", () => {
    expect(endpointOf(undefined).name).to.equal("chat");
    expect(endpointOf(specOf({})).name).to.equal("chat");
    expect(endpointOf(specOf({ type: "ollama_chat" })).name).to.equal("ollama_chat");
    expect(() => endpointOf(specOf({ type: "nonsense" }))).to.throw(AssayError, "there is no endpoint nonsense");
  });

  it("of the type template takes its template from the spec, or from AIPerf's extra inputs, which go into no body", () => {
    const extraInputs = { payload_template: "{}", response_field: "a.b", top_k: 3 };
    const given = specOf({ type: "template", extraInputs });
    expect(endpointOptions(given)).to.include({ template: "{}", responseField: "a.b" });
    expect(inputsOfBodies(given)).to.deep.equal({ top_k: 3 });
    const both = specOf({ type: "template", extraInputs, template: { body: "[]" } });
    expect(endpointOptions(both)).to.include({ template: "[]", responseField: "a.b" });
  });

  it("of other types leaves these inputs in the body", () => {
    const given = specOf({ type: "chat", extraInputs: { payload_template: "x" } });
    expect(endpointOptions(given)).to.include({ template: "", responseField: "" });
    expect(inputsOfBodies(given)).to.deep.equal({ payload_template: "x" });
    expect(inputsOfBodies(undefined)).to.deep.equal({});
  });
});
