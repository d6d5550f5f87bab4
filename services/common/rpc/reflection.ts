/**
 * Server reflection, v1 and v1alpha, over protobuf-es descriptors. Files are sent as they were compiled, so that proto3 optional,
 * custom options and imports arrive whole; comments are not in generated code.
 */
import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  toBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.js";
import { ServerReflection as ServerReflectionV1 } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { ANY_ROLE, type Implementation, implementOpenOnLoopback } from "./handler.ts";
import { grpcCodeOf } from "./status.ts";

/** A request's question, the same in both packages. */
type Question =
  | {
      readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      readonly value: string;
    }
  | {
      readonly case: "fileContainingExtension";
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined };

type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** Both reflection services, describing `services` and themselves. */
export function createReflection(services: readonly DescService[]): Implementation[] {
  const described = [...services, ServerReflectionV1, ServerReflectionV1Alpha];
  // Built at the first question: most servers are never asked.
  let index: DescriptorIndex | undefined;
  async function* answerAll<R extends { host: string; messageRequest: Question }>(requests: AsyncIterable<R>) {
    index ??= new DescriptorIndex(described);
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: index.answer(request.messageRequest) };
    }
  }
  return [
    implementOpenOnLoopback(ServerReflectionV1, { role: ANY_ROLE, handlers: { serverReflectionInfo: (q) => answerAll(q) } }),
    implementOpenOnLoopback(ServerReflectionV1Alpha, { role: ANY_ROLE, handlers: { serverReflectionInfo: (q) => answerAll(q) } }),
  ];
}

/** Every file that the services need, by its name, its symbols and its extensions. */
class DescriptorIndex {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: readonly DescService[]) {
    this.#services = services.map((service) => service.typeName);
    for (const service of services) this.#addFile(service.file);
    // No message refers to them: an error's details are of any type, and whoever shows one looks it up here.
    this.#addFile(file_google_rpc_error_details);
  }

  answer(question: Question): Answer {
    switch (question.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#services.map((name) => ({ name })) } };
      case "fileByFilename":
        return fileAnswer(this.#files.get(question.value), `file "${question.value}"`);
      case "fileContainingSymbol":
        return fileAnswer(this.#symbols.get(question.value.replace(/^\./, "")), `symbol "${question.value}"`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const file = this.#extensions.get(containingType)?.get(extensionNumber);
        return fileAnswer(file, `extension ${extensionNumber} of "${containingType}"`);
      }
      case "allExtensionNumbersOfType": {
        if (!this.#symbols.has(question.value)) return notFound(`type "${question.value}"`);
        const extensionNumber = [...(this.#extensions.get(question.value)?.keys() ?? [])];
        return { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber } };
      }
      case undefined:
        return { case: "errorResponse", value: { errorCode: grpcCodeOf("invalid_argument"), errorMessage: "no question" } };
    }
  }

  #addFile(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const imported of file.dependencies) this.#addFile(imported);
    for (const type of nestedTypes(file)) this.#addType(type, file);
  }

  #addType(type: DescMessage | DescEnum | DescExtension | DescService, file: DescFile): void {
    this.#symbols.set(type.typeName, file);
    for (const name of memberNames(type)) this.#symbols.set(name, file);
    if (type.kind !== "extension") return;
    const numbers = this.#extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
    this.#extensions.set(type.extendee.typeName, numbers.set(type.number, file));
  }
}

function memberNames(type: DescMessage | DescEnum | DescExtension | DescService): string[] {
  switch (type.kind) {
    case "message":
      return [...type.fields, ...type.oneofs].map((member) => `${type.typeName}.${member.name}`);
    case "service":
      return type.methods.map((method) => `${type.typeName}.${method.name}`);
    case "enum": {
      // Enum values are siblings of their enum, not members.
      const scope = type.typeName.slice(0, -type.name.length);
      return type.values.map((value) => scope + value.name);
    }
    case "extension":
      return [];
  }
}

function fileAnswer(file: DescFile | undefined, wanted: string): Answer {
  if (file === undefined) return notFound(wanted);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, file.proto)] } };
}

function notFound(wanted: string): Answer {
  return { case: "errorResponse", value: { errorCode: grpcCodeOf("not_found"), errorMessage: `no ${wanted} here` } };
}
