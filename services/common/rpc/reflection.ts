/** Server reflection, v1 and v1alpha. */
import type { DescService } from "@bufbuild/protobuf";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.js";
import { ServerReflection as ServerReflectionV1 } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { DescriptorIndex, type Question } from "./descriptor-index.ts";
import { ANY_ROLE, type Implementation, implementOpenOnLoopback } from "./handler.ts";

/** Both reflection services, describing `services` and themselves. */
export function createReflection(services: readonly DescService[]): Implementation[] {
  const described = [...services, ServerReflectionV1, ServerReflectionV1Alpha];
  // Built at the first question: most servers are never asked.
  let index: DescriptorIndex | undefined;
  async function* answerAll<R extends { host: string; messageRequest: Question }>(requests: AsyncIterable<R>) {
    // No message refers to errors' details: they are of any type, and whoever shows one looks it up here.
    index ??= new DescriptorIndex(described, [file_google_rpc_error_details]);
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: index.answer(request.messageRequest) };
    }
  }
  return [
    implementOpenOnLoopback(ServerReflectionV1, { role: ANY_ROLE, handlers: { serverReflectionInfo: (q) => answerAll(q) } }),
    implementOpenOnLoopback(ServerReflectionV1Alpha, { role: ANY_ROLE, handlers: { serverReflectionInfo: (q) => answerAll(q) } }),
  ];
}
