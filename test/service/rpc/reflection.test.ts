import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { create, createFileRegistry, fromBinary, getExtension, getOption, type MessageInitShape } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/grpc/health/v1/health_pb.js";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { createClient } from "../../../services/common/rpc/client.ts";
import { limits } from "../../support/gen/assay/testing/v1/options_pb.js";
import { failureOf, Harness } from "./harness.ts";

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>;

const SERVED = [
  "assay.testing.v1.EchoService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

describe("reflection and health", () => {
  const harness = new Harness();
  let address: string;

  before(async () => {
    ({ address } = await harness.serve({ auth: { tokens: { secret: "viewer" } } }));
  });
  after(() => harness.close());

  /** One answer for each question, in order. */
  function ask(service: typeof ServerReflection, questions: readonly Question[]): Promise<ServerReflectionResponse[]> {
    const client = createClient(service, { address });
    harness.onClose(() => client.close());
    return new Promise((resolve, reject) => {
      const answers: ServerReflectionResponse[] = [];
      const stream = client.serverReflectionInfo();
      stream.onMessage((answer) => answers.push(answer));
      stream.onClose((error) => (error === undefined ? resolve(answers) : reject(error)));
      for (const question of questions) stream.send(question);
      stream.end();
    });
  }

  async function fileOf(question: Question): Promise<FileDescriptorProto> {
    const [answer] = await ask(ServerReflection, [question]);
    if (answer?.messageResponse.case !== "fileDescriptorResponse") throw new Error(JSON.stringify(answer?.messageResponse));
    const [bytes] = answer.messageResponse.value.fileDescriptorProto;
    return fromBinary(FileDescriptorProtoSchema, bytes ?? new Uint8Array());
  }

  for (const service of [ServerReflection, ServerReflectionV1Alpha] as const) {
    it(`lists every service over ${service.typeName}`, async () => {
      // The two packages differ in nothing but their name.
      const [answer] = await ask(service as typeof ServerReflection, [{ messageRequest: { case: "listServices", value: "" } }]);
      if (answer?.messageResponse.case !== "listServicesResponse") throw new Error("not a list");
      expect(answer.messageResponse.value.service.map(({ name }) => name)).to.have.members(SERVED);
    });
  }

  it("sends files whole: imports, proto3 optional, oneofs, maps and custom options", async () => {
    const echo = await fileOf({ messageRequest: { case: "fileContainingSymbol", value: "assay.testing.v1.EchoRequest.number" } });
    expect(echo.dependency).to.deep.equal(["assay/testing/v1/options.proto"]);
    const [options, descriptor] = await Promise.all(
      ["assay/testing/v1/options.proto", "google/protobuf/descriptor.proto"].map((value) =>
        fileOf({ messageRequest: { case: "fileByFilename", value } }),
      ),
    );
    const registry = createFileRegistry(
      create(FileDescriptorSetSchema, { file: [descriptor, options, echo].filter((f) => f !== undefined) }),
    );
    const request = registry.getMessage("assay.testing.v1.EchoRequest");
    const number = request?.field.number;
    expect(number?.proto.proto3Optional).to.equal(true);
    expect(request?.oneofs.map(({ name }) => name)).to.include("choice");
    expect(request?.field.labels?.fieldKind).to.equal("map");
    if (number?.proto.options === undefined) throw new Error("no options");
    expect(getExtension(number.proto.options, limits)).to.include({ max: 10 });
    expect(getOption(number, limits)).to.include({ max: 10 });
  });

  it("finds symbols of every kind and extensions, and says what it does not have", async () => {
    const symbols = [
      "assay.testing.v1.EchoService",
      "assay.testing.v1.EchoService.Talk",
      "assay.testing.v1.EchoRequest.choice",
      ".assay.testing.v1.EchoRequest",
      "assay.testing.v1.limits",
      "grpc.health.v1.HealthCheckResponse.SERVING",
    ];
    for (const value of symbols) await fileOf({ messageRequest: { case: "fileContainingSymbol", value } });
    const containingType = "google.protobuf.FieldOptions";
    const found = await fileOf({
      messageRequest: { case: "fileContainingExtension", value: { containingType, extensionNumber: 50501 } },
    });
    expect(found.name).to.equal("assay/testing/v1/options.proto");
    const [numbers, missing, unknownFile, nothing] = await ask(ServerReflection, [
      { host: "here", messageRequest: { case: "allExtensionNumbersOfType", value: containingType } },
      { messageRequest: { case: "fileContainingSymbol", value: "assay.Nothing" } },
      { messageRequest: { case: "fileByFilename", value: "nothing.proto" } },
      {},
    ]);
    expect(numbers?.messageResponse.value).to.deep.include({ baseTypeName: containingType, extensionNumber: [50501] });
    expect(numbers).to.deep.include({ validHost: "here" });
    expect(numbers?.originalRequest?.messageRequest.value).to.equal(containingType);
    expect(missing?.messageResponse.value).to.include({ errorCode: 5, errorMessage: 'no symbol "assay.Nothing" here' });
    expect(unknownFile?.messageResponse.value).to.include({ errorCode: 5 });
    expect(nothing?.messageResponse.value).to.include({ errorCode: 3 });
  });

  it("lets a foreign tool list and call without any proto", async () => {
    const buf = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(
        "npx",
        ["buf", "curl", "--http2-prior-knowledge", "--protocol", "grpc", ...args],
        {
          timeout: 15_000,
        },
      );
      return stdout;
    };
    const listed = await buf("--list-methods", `http://${address}`);
    expect(listed).to.include("assay.testing.v1.EchoService/Repeat").and.include("grpc.health.v1.Health/Check");
    const url = `http://${address}/assay.testing.v1.EchoService/Echo`;
    const answer = await buf("-H", "authorization: Bearer secret", "-d", '{"text":"hi","number":0}', url);
    expect(JSON.parse(answer)).to.deep.equal({ text: "hi", identity: "token", roles: ["viewer"], number: 0 });
  });

  it("answers health by service, as a whole and as a list, without a token on this host", async () => {
    const health = createClient(Health, { address });
    harness.onClose(() => health.close());
    for (const service of ["", ...SERVED.slice(0, 1)]) {
      expect(await health.check({ service })).to.include({ status: ServingStatus.SERVING });
    }
    expect(Object.keys((await health.list({})).statuses)).to.deep.equal(["", "assay.testing.v1.EchoService"]);
    expect(await failureOf(health.check({ service: "nothing" }))).to.include({ code: "not_found" });
    for await (const { status } of health.watch({ service: "nothing" })) {
      expect(status).to.equal(ServingStatus.SERVICE_UNKNOWN);
      break;
    }
  });
});
