/** What the gRPC port says of its services to clients that ask, as grpcurl does. */
import { create, type DescMethod, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { type ServerReflectionRequest, ServerReflection as V1 } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as V1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { GRPCInferenceService } from "../../gen/inference/inference_service_pb.js";
import { messageOf } from "../../services/common/errors.ts";
import { DescriptorIndex } from "../../services/common/rpc/descriptor-index.ts";
import { type GrpcStatus, status } from "./status.ts";

/** By path; both packages have the same messages. */
const methods: ReadonlyMap<string, DescMethod> = new Map(
  [V1, V1Alpha].map((service) => [`/${service.typeName}/ServerReflectionInfo`, service.method.serverReflectionInfo]),
);

export function describesServices(path: string): boolean {
  return methods.has(path);
}

export class ReflectionService {
  // Built at the first question: most servers are never asked.
  #index: DescriptorIndex | undefined;

  /** Answers one question of the stream at this path. */
  answer(path: string, message: Uint8Array): Uint8Array | GrpcStatus {
    const method = methods.get(path) ?? V1.method.serverReflectionInfo;
    let request: ServerReflectionRequest;
    try {
      request = fromBinary(method.input, message) as ServerReflectionRequest;
    } catch (error) {
      return status("internal", `the request cannot be read: ${messageOf(error)}`);
    }
    this.#index ??= new DescriptorIndex([GRPCInferenceService, Health, V1, V1Alpha]);
    const messageResponse = this.#index.answer(request.messageRequest);
    return toBinary(method.output, create(method.output, { validHost: request.host, originalRequest: request, messageResponse }));
  }
}
