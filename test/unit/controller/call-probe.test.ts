import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import {
  ModelMetadataResponseSchema,
  ModelReadyResponseSchema,
  ServerMetadataResponseSchema,
} from "../../../gen/inference/inference_service_pb.js";
import { type CallPlan, nextCall } from "../../../services/controller/core/call-probe.ts";
import type { Answer, Question } from "../../../services/controller/core/target-probe.ts";

const plan: CallPlan = {
  models: ["m"],
  mode: "probe",
  hasList: false,
  isPathGiven: false,
  modelVersion: "",
  hasCredentials: false,
  endpointType: "kserve",
  isStreaming: true,
  needsTensors: false,
  sample: () => undefined,
};

function answerTo(question: Question, message: Uint8Array | "unimplemented"): Answer {
  const isThere = typeof message !== "string";
  return {
    question,
    method: "POST",
    url: "grpc://localhost:8001/call",
    status: 200,
    error: isThere ? undefined : { code: "grpc_unimplemented", phase: "wait", message: "Method not found!" },
    contentType: "application/grpc",
    words: "",
    models: undefined,
    message: isThere ? message : new Uint8Array(),
  };
}

/** What is asked of a server of this name that has no configuration of its models, and the verdict. */
function played(name: string, change: Partial<CallPlan> = {}, versions: readonly string[] = []) {
  const messages: Readonly<Record<string, Uint8Array>> = {
    ModelMetadata: toBinary(
      ModelMetadataResponseSchema,
      create(ModelMetadataResponseSchema, { name: "m", versions: [...versions] }),
    ),
    ModelReady: toBinary(ModelReadyResponseSchema, create(ModelReadyResponseSchema, { ready: true })),
    ServerMetadata: toBinary(ServerMetadataResponseSchema, create(ServerMetadataResponseSchema, { name, version: "1.7.1" })),
  };
  const answers: Answer[] = [];
  for (;;) {
    const step = nextCall({ ...plan, ...change }, answers);
    if (step.kind !== "ask") return { step, asked: answers.map(({ question }) => "method" in question && question.method) };
    const { question } = step;
    answers.push(answerTo(question, (question.kind === "call" ? messages[question.method] : undefined) ?? "unimplemented"));
  }
}

describe("the look at a server without Triton's extensions", () => {
  it("refuses streams of MLServer, which are not Triton's", () => {
    const { step, asked } = played("mlserver");
    expect(step).to.deep.equal({
      kind: "failed",
      message: "mlserver 1.7.1 streams in messages of its own, not in Triton's",
      hint: "leave --streaming away",
      isLasting: true,
    });
    expect(asked).to.deep.equal(["ModelMetadata", "ModelReady", "ModelConfig", "ServerMetadata"]);
  });

  it("has a note where the server takes a version and says that it has others", () => {
    const versions = ["1", "2"];
    const noteOf = (modelVersion: string): readonly string[] => {
      const { step } = played("triton", { modelVersion }, versions);
      return step.kind === "passed" ? step.warnings : expect.fail(step.kind);
    };
    expect(noteOf("3")).to.deep.equal(["version 3 of model m is asked for, and the server says that it has 1, 2"]);
    expect([...noteOf("2"), ...noteOf("")]).to.deep.equal([]);
  });

  it("lets streams of another one pass, and unary calls of any, which it does not ask for its name", () => {
    expect(played("triton").step.kind).to.equal("passed");
    const { step, asked } = played("mlserver", { isStreaming: false });
    expect(step.kind).to.equal("passed");
    expect(asked).to.deep.equal(["ModelMetadata", "ModelReady", "ModelConfig"]);
  });
});
