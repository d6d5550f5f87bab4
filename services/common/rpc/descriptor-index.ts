/**
 * What server reflection says, over protobuf-es descriptors. Files are sent as they were compiled, so that proto3 optional, custom options
 * and imports arrive whole; comments are not in generated code. Pure.
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

/** A request's question, the same in both packages. */
export type Question =
  | {
      readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      readonly value: string;
    }
  | {
      readonly case: "fileContainingExtension";
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined };

export type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

const invalidArgument = 3;
const notFoundCode = 5;

/** Every file that the services need, by its name, its symbols and its extensions. */
export class DescriptorIndex {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  /** @param others files that are to be found though no service needs them */
  constructor(services: readonly DescService[], others: readonly DescFile[] = []) {
    this.#services = services.map((service) => service.typeName);
    for (const service of services) this.#addFile(service.file);
    for (const file of others) this.#addFile(file);
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
        return { case: "errorResponse", value: { errorCode: invalidArgument, errorMessage: "no question" } };
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
  return { case: "errorResponse", value: { errorCode: notFoundCode, errorMessage: `no ${wanted} here` } };
}
