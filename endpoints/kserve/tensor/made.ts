/** Contents of tensors for which nobody has data. */
import type { RandomStream } from "../../../services/common/random.ts";
import { rawOfBytes } from "./bytes.ts";
import { type Datatype, elementBytes } from "./datatypes.ts";
import { bf16Bits, fp16Bits } from "./half.ts";

/** What elements are made of. */
export interface MadeData {
  /** random: numbers from 0 to 1, integers from 0 to 127, which every datatype holds and most models know as an index, truth values, letters and digits. */
  readonly kind: "random" | "zero";
  /** Characters of a random text. */
  readonly stringLength: number;
  /** Every element of BYTES; empty: it is made. */
  readonly stringData: string;
}

const characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const encoder = new TextEncoder();

/** Raw contents of so many elements, the next ones of the stream. @param random undefined: zeros */
export function makeContents(
  datatype: Datatype,
  count: number,
  { kind, stringLength, stringData }: MadeData,
  random: RandomStream | undefined,
): Uint8Array<ArrayBuffer> {
  const stream = kind === "zero" ? undefined : random;
  if (datatype === "BYTES") {
    const given = stringData === "" ? undefined : encoder.encode(stringData);
    const text = (): Uint8Array => given ?? (stream === undefined ? new Uint8Array() : randomText(stringLength, stream));
    return rawOfBytes(Array.from({ length: count }, text));
  }
  const raw = new Uint8Array(count * elementBytes[datatype]);
  if (stream !== undefined) fill(raw, datatype, stream);
  return raw;
}

function randomText(length: number, random: RandomStream): Uint8Array {
  return Uint8Array.from({ length }, () => characters.charCodeAt(random.below(characters.length)));
}

function fill(raw: Uint8Array<ArrayBuffer>, datatype: Exclude<Datatype, "BYTES">, random: RandomStream): void {
  const view = new DataView(raw.buffer);
  const size = elementBytes[datatype];
  for (let at = 0; at < raw.length; at += size) {
    switch (datatype) {
      case "BOOL":
        raw[at] = random.below(2);
        break;
      case "FP16":
        view.setUint16(at, fp16Bits(random.next()), true);
        break;
      case "BF16":
        view.setUint16(at, bf16Bits(random.next()), true);
        break;
      case "FP32":
        view.setFloat32(at, random.next(), true);
        break;
      case "FP64":
        view.setFloat64(at, random.next(), true);
        break;
      default:
        // Little-endian: the rest is zero.
        raw[at] = random.below(128);
    }
  }
}
