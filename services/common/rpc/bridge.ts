/** From a protobuf-es service descriptor to what grpc-js wants: paths, kinds of streaming and codecs. */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import type { AssayError } from "../errors.ts";

/**
 * A hand-written codec of one method, each part optional. The bytes of a serialiser are copied when grpc-js frames them, which
 * for a queued message is later than the call: do not overwrite them before that. A deserialiser may keep the buffer it gets.
 */
export interface MethodCodec {
  requestSerialize?(message: never): Uint8Array;
  requestDeserialize?(bytes: Buffer): unknown;
  responseSerialize?(message: never): Uint8Array;
  responseDeserialize?(bytes: Buffer): unknown;
}

/** Codecs by local method name (`credits`). */
export type Codecs<D extends DescService> = { readonly [K in keyof D["method"]]?: MethodCodec };

/** Everything needed to send and receive the messages of one method. */
export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: unknown) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (message: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** The grpc-js definition of a method: the generated codec unless `codec` overrides a part. Serialisers take init shapes too. */
export function methodDefinition(method: DescMethod, codec: MethodCodec = {}): MethodDefinition {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: codec.requestSerialize ? wrapping(codec.requestSerialize) : serializer(method.input),
    requestDeserialize: codec.requestDeserialize ?? deserializer(method.input),
    responseSerialize: codec.responseSerialize ? wrapping(codec.responseSerialize) : serializer(method.output),
    responseDeserialize: codec.responseDeserialize ?? deserializer(method.output),
  };
}

/** What came in the place of a message: bytes that are none, or too many. grpc-js would end the call by itself, whatever its handler is at. */
export class Unreadable {
  readonly error: AssayError;

  constructor(error: AssayError) {
    this.error = error;
  }
}

/** A message as it came. Throws `invalid_argument` for bytes that are none, `resource_exhausted` for too many. */
export function readable(message: unknown): unknown {
  if (message instanceof Unreadable) throw message.error;
  return message;
}

/** A Buffer over the same memory: grpc-js wants Buffers, and `Buffer.from(bytes)` would copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function wrapping(serialize: (message: never) => Uint8Array): (message: unknown) => Buffer {
  // Which messages the codec takes was checked where it was declared.
  return (message) => asBuffer(serialize(message as never));
}

function serializer(schema: DescMessage): (message: unknown) => Buffer {
  // `create` gives a message back as it is and makes one of an init shape, whose type was checked at the call.
  return (message) => asBuffer(toBinary(schema, create(schema, message as Message)));
}

function deserializer(schema: DescMessage): (bytes: Buffer) => unknown {
  return (bytes) => fromBinary(schema, bytes);
}
