/** The mock's gRPC port as a place: TLS, keys, compression, and what it says of its services. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type ChannelCredentials, Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { expect } from "chai";
import { ServerReflectionRequestSchema, ServerReflection as V1 } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as V1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { InferenceClient, textOf } from "../../support/kserve-client.ts";
import { trtllm, vllm } from "../../support/kserve-requests.ts";

/** An address is no name to verify. */
const named = { "grpc.ssl_target_name_override": "localhost" };

let mock: Mock;
let client: InferenceClient;

describe("the mock's gRPC port as a place", () => {
  const workshop = createCertWorkshop();
  const ca = workshop.ca("Test CA");
  after(() => workshop.remove());
  afterEach(async () => {
    client?.close();
    await mock?.stop();
  });

  async function start(options: Partial<MockOptions> = {}, creds?: ChannelCredentials, channel: object = {}): Promise<void> {
    mock = await createMock({ grpcPort: 0, ...options });
    client = new InferenceClient(String(mock.grpcAddress), creds, channel);
  }

  it("speaks TLS with the certificate of its options, as the other port does", async () => {
    const { certPath: tlsCert, keyPath: tlsKey } = ca.issue("localhost", "DNS:localhost", "IP:127.0.0.1");
    await start({ tlsCert, tlsKey }, credentials.createSsl(Buffer.from(ca.cert)), named);
    expect(await client.call("serverLive", {})).to.include({ live: true });
    expect(mock.url).to.match(/^https:/);
    const plain = new InferenceClient(String(mock.grpcAddress));
    expect((await plain.call("serverLive", {})).code).to.equal(status.UNAVAILABLE);
    plain.close();
    expect(await client.call("serverLive", {})).to.include({ live: true });
  });

  it("lets nobody in without a certificate where it asks for one", async () => {
    const { certPath: tlsCert, keyPath: tlsKey } = ca.issue("localhost", "DNS:localhost");
    const { cert, key } = ca.issue("client");
    const secure = { tlsCert, tlsKey, tlsClientCa: ca.certPath };
    await start(secure, credentials.createSsl(Buffer.from(ca.cert), Buffer.from(key), Buffer.from(cert)), named);
    expect(await client.call("serverLive", {})).to.include({ live: true });
    const nobody = new InferenceClient(String(mock.grpcAddress), credentials.createSsl(Buffer.from(ca.cert)), named);
    expect((await nobody.call("serverLive", {})).code).to.equal(status.UNAVAILABLE);
    nobody.close();
  });

  it("says which file of TLS is of no use", async () => {
    const { certPath, keyPath } = ca.issue("localhost");
    const failure = (options: Partial<MockOptions>) =>
      createMock(options).then(
        () => "started",
        (error: Error) => error.message,
      );
    expect(await failure({ tlsCert: "/nowhere.pem", tlsKey: keyPath })).to.match(
      /^--tls-cert \/nowhere.pem cannot be read: ENOENT/,
    );
    expect(await failure({ tlsCert: keyPath, tlsKey: keyPath })).to.match(/and its key are of no use/);
    expect(await failure({ tlsCert: certPath })).to.contain(`--tls-cert must be beside --tls-key, got ${certPath}`);
    mock = await createMock();
  });

  it("asks for a key where HTTP does, and for none about its health", async () => {
    await start({ apiKeys: ["secret"] });
    expect(await client.call("serverLive", {})).to.include({ code: status.UNAUTHENTICATED, details: "a key is needed" });
    const bearer = { authorization: "Bearer secret" };
    const { code, received } = await client.streamed([vllm(2, true)], bearer);
    expect([code, received.length]).to.deep.equal([status.OK, 2]);
    const wrong = await client.streamed([vllm(2, true)], { authorization: "Bearer other" });
    expect(wrong).to.include({ code: status.UNAUTHENTICATED, details: "the key is wrong" });
    expect(mock.stats().refused).to.equal(2);
    expect((await ask(String(mock.grpcAddress), V1, [{ case: "listServices", value: "" }])).code).to.equal(status.OK);
  });

  for (const algorithm of [1, 2]) {
    it(`takes compressed requests (${algorithm}) and answers in the same way`, async () => {
      await start({}, undefined, { "grpc.default_compression_algorithm": algorithm });
      const { code, received } = await client.streamed([vllm(3, true)]);
      expect(code).to.equal(status.OK);
      expect(received.map(({ inferResponse }) => textOf(inferResponse))).to.have.lengthOf(3);
      expect(textOf(await client.infer(trtllm("ensemble_unary", 3, false)))).to.be.a("string");
    });
  }

  for (const service of [V1, V1Alpha]) {
    it(`describes its services to those that ask by ${service.typeName}`, async () => {
      await start();
      const { code, answers } = await ask(String(mock.grpcAddress), service, [
        { case: "listServices", value: "" },
        { case: "fileContainingSymbol", value: "inference.GRPCInferenceService" },
        { case: "fileByFilename", value: "no.proto" },
      ]);
      expect(code).to.equal(status.OK);
      expect(answers[0].value.service.map(({ name }: { name: string }) => name)).to.deep.equal([
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
      ]);
      const file = fromBinary(FileDescriptorProtoSchema, answers[1].value.fileDescriptorProto[0]);
      expect(file.service[0]?.method.map(({ name }) => name)).to.include.members(["ModelInfer", "ModelStreamInfer"]);
      expect(answers[2].value.errorCode).to.equal(status.NOT_FOUND);
    });
  }
});

/** Asks one question after the other, as grpcurl does, and half-closes. */
function ask(
  address: string,
  service: typeof V1 | typeof V1Alpha,
  questions: readonly { readonly case: "listServices" | "fileContainingSymbol" | "fileByFilename"; readonly value: string }[],
): Promise<{ code: number; answers: any[] }> {
  const { serverReflectionInfo: method } = service.method;
  const client = new Client(address, credentials.createInsecure());
  const serialize = (messageRequest: (typeof questions)[number]) =>
    Buffer.from(toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, { messageRequest })));
  const deserialize = (bytes: Buffer) => (fromBinary(method.output, bytes) as { messageResponse: unknown }).messageResponse;
  const path = `/${service.typeName}/ServerReflectionInfo`;
  const call = client.makeBidiStreamRequest(path, serialize, deserialize, new Metadata(), { deadline: Date.now() + 10_000 });
  const answers: any[] = [];
  call.on("data", (answer) => answers.push(answer));
  call.on("error", () => {}); // its status follows
  for (const question of questions) call.write(question);
  call.end();
  return new Promise((resolve) =>
    call.on("status", ({ code }) => {
      client.close();
      resolve({ code, answers });
    }),
  );
}
