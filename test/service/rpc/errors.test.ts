import { Code, ConnectError, createClient as createConnectClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import type { LogFields, Logger } from "../../../services/common/logger.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { failureOf, gather, Harness, type RunningEcho } from "./harness.ts";

const REFUSAL = new AssayError("invalid_argument", "two fields are wrong: 50 % läuft", {
  reason: "SPEC_INVALID",
  metadata: { runId: "r1" },
  violations: [
    { field: "phases[0].rate_per_sec", description: "must be > 0, got -3" },
    { field: "target.url", description: "must not be empty" },
  ],
  cause: new Error("a secret path"),
});

describe("errors", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  const connectClient = ({ address }: RunningEcho, protocol: "connect" | "grpc-web" | "grpc") => {
    const baseUrl = `http://${address}`;
    if (protocol === "grpc") return createConnectClient(EchoService, createGrpcTransport({ baseUrl }));
    const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
    return createConnectClient(EchoService, create({ baseUrl, httpVersion: "1.1" }));
  };

  it("come back over gRPC as they were thrown", async () => {
    const { client, probe } = await harness.serve();
    probe.failure = REFUSAL;
    for (const call of [client().echo({}), gather(client().repeat({ count: 2 }))]) {
      const { code, message, reason, metadata, violations } = await failureOf(call);
      expect({ code, message, reason, metadata, violations }).to.deep.equal({
        code: REFUSAL.code,
        message: REFUSAL.message,
        reason: REFUSAL.reason,
        metadata: REFUSAL.metadata,
        violations: REFUSAL.violations,
      });
    }
  });

  it("come after the messages before them", async () => {
    const { client, probe } = await harness.serve();
    probe.failure = REFUSAL;
    const received: number[] = [];
    const read = async () => {
      for await (const { index } of client().repeat({ count: 3 })) received.push(index);
    };
    expect(await failureOf(read())).to.include({ reason: "SPEC_INVALID" });
    expect(received).to.deep.equal([0, 1, 2]);
  });

  for (const protocol of ["connect", "grpc-web", "grpc"] as const) {
    it(`carry google.rpc details to a foreign ${protocol} client`, async () => {
      const echo = await harness.serve();
      echo.probe.failure = REFUSAL;
      const client = connectClient(echo, protocol);
      for (const call of [client.echo({}), gather(client.repeat({ count: 1 }))]) {
        const error = ConnectError.from(await failureOf(call));
        expect(error.code).to.equal(Code.InvalidArgument);
        expect(error.rawMessage).to.equal(REFUSAL.message);
        const [info] = error.findDetails(ErrorInfoSchema);
        expect(info).to.deep.include({ reason: "SPEC_INVALID", domain: "assay", metadata: { runId: "r1" } });
        const [badRequest] = error.findDetails(BadRequestSchema);
        expect(badRequest?.fieldViolations.map(({ field }) => field)).to.deep.equal(["phases[0].rate_per_sec", "target.url"]);
      }
    });
  }

  it("that nobody foresaw are internal, with their message and nothing else, and are logged with their stack", async () => {
    const warnings: [string, LogFields | undefined][] = [];
    const log: Logger = { debug() {}, info() {}, error() {}, warn: (message, fields) => warnings.push([message, fields]) };
    const echo = await harness.serve({ log });
    echo.probe.failure = new TypeError("x is not a function", { cause: new Error("a secret path") });
    const failure = await failureOf(echo.client().echo({}));
    expect(failure).to.include({ code: "internal", message: "x is not a function", reason: "INTERNAL" });
    expect(JSON.stringify(failure.metadata)).to.equal("{}");
    const body = await fetch(`http://${echo.address}/assay.testing.v1.EchoService/Echo`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    }).then((response) => response.text());
    expect(body).to.include("x is not a function").and.not.include("secret").and.not.include("errors.test");
    expect(warnings).to.have.length(2);
    expect(warnings[0]?.[0]).to.equal("call failed");
    expect(warnings[0]?.[1]?.cause).to.include("TypeError: x is not a function").and.include("errors.test");
  });

  it("arrive however many violations and however long a message they have", async () => {
    const { client, probe } = await harness.serve();
    const violations = Array.from({ length: 1000 }, (_, index) => ({ field: `f[${index}]`, description: "wrong ".repeat(10) }));
    probe.failure = new AssayError("invalid_argument", `bad \ud800 ${"long ".repeat(2000)}`, { violations });
    const failure = await failureOf(client().echo({}));
    expect(failure).to.include({ code: "invalid_argument", reason: "INVALID_ARGUMENT" });
    const kept = failure.violations.length - 1;
    expect(kept).to.be.within(10, 100);
    expect(failure.violations.at(-1)).to.deep.equal({ field: "", description: `and ${1000 - kept} more` });
  });

  it("of a peer that refuses connections name the address and what was attempted", async () => {
    const { client, port, server } = await harness.serve();
    await server.stop(0);
    const failure = await failureOf(client().echo({}));
    expect(failure.code).to.equal("unavailable");
    const words = `connect ECONNREFUSED 127.0.0.1:${port}`;
    expect(failure.message).to.equal(`calling assay.testing.v1.EchoService/Echo at 127.0.0.1:${port}: ${words}`);
    expect(failure.cause).to.be.instanceOf(Error);
  });

  it("of an unknown method say so", async () => {
    const { client } = await harness.serve({ services: [] });
    expect(await failureOf(client().echo({}))).to.include({ code: "unimplemented" });
  });
});
