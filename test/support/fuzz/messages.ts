/** Messages that nobody would write, made along a descriptor: every field may come, several times, with any value or of another type. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";

/** Texts for fields by their names, so that messages get beyond the first check: ids of runs that there are, for one. */
export type KnownTexts = Readonly<Record<string, readonly string[]>>;

export interface MessageOptions {
  readonly texts: KnownTexts;
  /** Numbers for fields by their names, likewise. */
  readonly numbers: Readonly<Record<string, readonly number[]>>;
  /** Fields that have a list of texts have no other. Default: now and then they do. */
  readonly isExact?: boolean;
}

const deepest = 4;
const mostFields = 8;
const giantChars = 300_000;
const mostNested = 300;
const manyTimes = 50_000;

/** Bytes of a message: mostly well formed, sometimes cut or of other types, and sometimes any bytes. */
export function messageBytes(desc: DescMessage, options: MessageOptions): fc.Arbitrary<Uint8Array> {
  const whole = fieldsOf(desc, options, 0);
  return fc.oneof(
    { weight: 12, arbitrary: whole },
    { weight: 1, arbitrary: fc.constant(new Uint8Array()) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(whole, fc.double({ min: 0, max: 1, noNaN: true }))
        .map(([bytes, share]) => bytes.subarray(0, Math.floor(bytes.length * share))),
    },
    { weight: 1, arbitrary: fc.constant(nestedBytes(desc)) },
  );
}

/** Fields one after the other, in any order. */
function fieldsOf(desc: DescMessage, options: MessageOptions, depth: number): fc.Arbitrary<Uint8Array> {
  const fields = desc.fields.filter((field) => depth < deepest || field.message === undefined);
  if (fields.length === 0) return fc.constant(new Uint8Array());
  const one = fc.constantFrom(...fields).chain((field) => fieldBytes(field, options, depth));
  return fc.array(one, { maxLength: Math.min(mostFields, 2 * fields.length) }).map((parts) => Buffer.concat(parts));
}

function fieldBytes(field: DescField, options: MessageOptions, depth: number): fc.Arbitrary<Uint8Array> {
  const right = valueBytes(field, options, depth);
  return fc.oneof({ weight: 15, arbitrary: right }, { weight: 1, arbitrary: otherType(field.number) });
}

function valueBytes(field: DescField, options: MessageOptions, depth: number): fc.Arbitrary<Uint8Array> {
  const { number, message } = field;
  if (field.fieldKind === "map") {
    const inner = field.message === undefined ? fc.constant(new Uint8Array()) : fieldsOf(field.message, options, depth + 1);
    return fc.tuple(anyText, inner).map(([key, value]) => {
      const entry = new BinaryWriter().uint32(tag(1, WireType.LengthDelimited)).string(key.toWellFormed());
      return delimited(number, entry.uint32(tag(2, WireType.LengthDelimited)).bytes(value).finish());
    });
  }
  if (message !== undefined) return fieldsOf(message, options, depth + 1).map((bytes) => delimited(number, bytes));
  if (field.enum !== undefined) {
    const known = field.enum.values.map((value) => value.number);
    return fc
      .constantFrom(...known, 99, -1, 2 ** 31 - 1)
      .map((value) => new BinaryWriter().uint32(tag(number, WireType.Varint)).int32(value).finish());
  }
  return scalarBytes(field, options);
}

function scalarBytes(
  { number, name, scalar }: DescField,
  { texts, numbers, isExact = false }: MessageOptions,
): fc.Arbitrary<Uint8Array> {
  switch (scalar) {
    case ScalarType.STRING: {
      const known = texts[name] ?? [];
      const any =
        known.length === 0
          ? anyText
          : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...known) }, { weight: isExact ? 0 : 1, arbitrary: anyText });
      return any.map((value) => delimited(number, Buffer.from(value)));
    }
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 }).map((bytes) => delimited(number, bytes));
    case ScalarType.DOUBLE:
      return fc.double().map((value) => new BinaryWriter().uint32(tag(number, WireType.Bit64)).double(value).finish());
    case ScalarType.BOOL:
      return fc.boolean().map((value) => new BinaryWriter().uint32(tag(number, WireType.Varint)).bool(value).finish());
    default: {
      const known = numbers[name] ?? [];
      const any =
        known.length === 0
          ? anyNumber
          : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...known.map(BigInt)) }, { weight: 1, arbitrary: anyNumber });
      return any.map((value) => new BinaryWriter().uint32(tag(number, WireType.Varint)).uint64(value).finish());
    }
  }
}

const anyNumber = fc.constantFrom(0n, 1n, 2n, 5n, 100n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);

const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 20 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "",
      ".",
      "..",
      "../../x",
      "/etc/passwd",
      "a\0b",
      "__proto__",
      "constructor",
      "\u202e\u001b[2J",
      "\ud800",
      "C:\\x",
      "none",
    ),
  },
  { weight: 1, arbitrary: fc.constant("x".repeat(giantChars)) },
);

/** A field of that number and of any type; groups are never closed. */
function otherType(number: number): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 7), fc.uint8Array({ maxLength: 12 }))
    .map(([type, bytes]) => Buffer.concat([new BinaryWriter().uint32((number << 3) | type).finish(), bytes]));
}

/** A message field within itself, far deeper than any message is. */
function nestedBytes(desc: DescMessage): Uint8Array {
  const number = desc.fields.find((field) => field.message !== undefined)?.number ?? 1;
  let bytes: Uint8Array = new Uint8Array();
  for (let depth = 0; depth < mostNested; depth++) bytes = delimited(number, bytes);
  return bytes;
}

function delimited(number: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(tag(number, WireType.LengthDelimited)).bytes(bytes).finish();
}

function tag(number: number, type: WireType): number {
  return ((number << 3) | type) >>> 0;
}

/** The first repeated field, so often that it is most of what a message may have. Undefined: there is none. */
export function manyBytes({ fields }: DescMessage): Uint8Array | undefined {
  const field = fields.find(({ fieldKind }) => fieldKind === "list" || fieldKind === "map");
  if (field === undefined) return undefined;
  const isText = field.message !== undefined || field.scalar === ScalarType.STRING || field.fieldKind === "map";
  const one = isText
    ? delimited(field.number, new Uint8Array())
    : new BinaryWriter().uint32(tag(field.number, WireType.Varint)).uint32(1).finish();
  return Buffer.concat(Array.from({ length: manyTimes }, () => one));
}
