/** docs/openapi.yaml as programs read it: by the OpenAPI Initiative's own schema, and by JSON Schema where that has nothing to say. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";
import { parse } from "yaml";
import { RunService, SuiteService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";

const root = join(import.meta.dirname, "../../..");
const schema = JSON.parse(readFileSync(join(root, "test/fixtures/openapi/schema-3.1.json"), "utf8"));
const text = readFileSync(join(root, "docs/openapi.yaml"), "utf8");

type Json = Readonly<Record<string, unknown>>;
interface Page extends Json {
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}
const read = (): Page => parse(text);

const ajv = () => new Ajv2020({ strict: false, validateFormats: false });
const isPage = ajv().compile(schema);

/** What stands at a path of a `$ref`; undefined: nothing. */
function at(page: Json, ref: string): unknown {
  return ref
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((value, name) => (Object(value) as Json)[name.replaceAll("~1", "/").replaceAll("~0", "~")], page);
}

function* refsIn(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "$ref" && typeof inner === "string") yield inner;
    else yield* refsIn(inner);
  }
}

describe("docs/openapi.yaml", function () {
  this.timeout(20_000);

  it("is a page of OpenAPI 3.1", () => {
    expect(isPage(read()), JSON.stringify(isPage.errors?.slice(0, 5))).to.equal(true);
  });

  it("is held against a schema that sees what is wrong", () => {
    const [path = ""] = Object.keys(read().paths);
    const wrong: readonly (readonly [string, (page: Page) => unknown])[] = [
      ["no title", (page) => ({ ...page, info: { version: "1" } })],
      ["another version", (page) => ({ ...page, openapi: "2.0" })],
      ["a path without a slash", (page) => ({ ...page, paths: { x: {} } })],
      ["a method that there is not", (page) => ({ ...page, paths: { [path]: { fetch: {} } } })],
      ["a response that is none", (page) => ({ ...page, paths: { [path]: { post: { responses: { "200": {} } } } } })],
      ["a list of tags that is none", (page) => ({ ...page, tags: "runs" })],
    ];
    for (const [what, change] of wrong) expect(isPage(change(read())), what).to.equal(false);
  });

  it("has schemas of JSON Schema alone, whose references lead somewhere", () => {
    const page = read();
    const validator = ajv();
    for (const [name, one] of Object.entries(page.components.schemas)) {
      expect(validator.validateSchema(one), `${name}: ${validator.errorsText()}`).to.equal(true);
    }
    const refs = [...new Set(refsIn(page))];
    expect(refs).to.have.length.above(100);
    for (const ref of refs) {
      expect(ref).to.match(/^#\//);
      expect(at(page, ref), ref).to.be.an("object");
    }
  });

  it("has an operation of its own for each unary RPC of its services, with a body that is asked and answered", () => {
    const { paths } = read();
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      item.post === undefined ? [] : [[path, item.post] as const],
    );
    const unary = [RunService, SuiteService, RecordsManagerService].flatMap(({ typeName, methods }) =>
      methods.filter(({ methodKind }) => methodKind === "unary").map(({ name }) => `/${typeName}/${name}`),
    );
    expect(operations.map(([path]) => path)).to.have.members(unary);
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const [path, operation] of operations) {
      expect(at(operation, "requestBody/content/application~1json/schema"), path).to.be.an("object");
      expect(at(operation, "responses/200/content/application~1json/schema"), path).to.be.an("object");
    }
  });
});
