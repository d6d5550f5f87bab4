/** What a process serves, asked of the process itself by server reflection. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, createFileRegistry, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { type ChannelOptions, createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"];

/** Every method of every service at an address, health and reflection included. */
export async function servedMethods(at: ChannelOptions): Promise<DescMethod[]> {
  const channel = createChannel(at);
  try {
    const client = createClient(ServerReflection, channel);
    const ask = (questions: readonly NonNullable<Question>[]): Promise<ServerReflectionResponse[]> =>
      new Promise((resolve, reject) => {
        const answers: ServerReflectionResponse[] = [];
        const stream = client.serverReflectionInfo();
        stream.onMessage((answer) => answers.push(answer));
        stream.onClose((error) => (error === undefined ? resolve(answers) : reject(error)));
        for (const messageRequest of questions) stream.send({ messageRequest });
        stream.end();
      });
    const [list] = await ask([{ case: "listServices", value: "" }]);
    const names =
      list?.messageResponse.case === "listServicesResponse" ? list.messageResponse.value.service.map(({ name }) => name) : [];
    const files = new Map<string, FileDescriptorProto>();
    let wanted: NonNullable<Question>[] = names.map((value) => ({ case: "fileContainingSymbol", value }));
    while (wanted.length > 0) {
      for (const { messageResponse } of await ask(wanted)) {
        const found = messageResponse.case === "fileDescriptorResponse" ? messageResponse.value.fileDescriptorProto : [];
        for (const bytes of found) {
          const file = fromBinary(FileDescriptorProtoSchema, bytes);
          files.set(file.name, file);
        }
      }
      const missing = new Set([...files.values()].flatMap(({ dependency }) => dependency).filter((name) => !files.has(name)));
      wanted = [...missing].map((value) => ({ case: "fileByFilename", value }));
    }
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(files) }));
    return names.flatMap((name) => registry.getService(name)?.methods ?? []);
  } finally {
    channel.close();
  }
}

/** Each behind those that it imports. */
function inOrder(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto): void => {
    for (const name of file.dependency) {
      const imported = files.get(name);
      if (imported !== undefined && !ordered.has(imported)) add(imported);
    }
    ordered.add(file);
  };
  for (const file of files.values()) add(file);
  return [...ordered];
}
