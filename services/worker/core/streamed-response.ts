/** What a message of `ModelStreamInfer` says of the request that it belongs to, read without making objects of its tensors. Pure. */
import { WireReader } from "../../common/wire.ts";

export interface StreamedResponse {
  /** Of its request; empty: not said. */
  readonly id: string;
  /** The request has failed, and is over. */
  readonly isError: boolean;
  /** Nothing more comes for the request; undefined: not said. */
  readonly isFinal: boolean | undefined;
}

const finalKey = "triton_final_response";

/** @throws `invalid_argument` for what is no `ModelStreamInferResponse` */
export function readStreamedResponse(message: Buffer): StreamedResponse {
  const reader = new WireReader(message);
  let id = "";
  let isError = false;
  let isFinal: boolean | undefined;
  while (reader.at < message.length) {
    const tag = reader.tag();
    if (tag === errorMessageTag) isError = reader.bytes().length > 0 || isError;
    else if (tag === inferResponseTag) {
      const end = reader.length();
      while (reader.at < end) {
        const inner = reader.tag();
        if (inner === idTag) id = reader.text();
        else if (inner === parametersTag) isFinal = readEntry(reader) ?? isFinal;
        else reader.skip(inner & 7);
      }
      reader.expectEnd(end);
    } else reader.skip(tag & 7);
  }
  return { id, isError, isFinal };
}

/** One entry of the parameters; undefined: another than that of the last response. */
function readEntry(reader: WireReader): boolean | undefined {
  const end = reader.length();
  let isWanted = false;
  let value = false;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === keyTag) isWanted = reader.textLike(finalKey) === finalKey;
    else if (tag === valueTag) {
      const valueEnd = reader.length();
      while (reader.at < valueEnd) {
        const inner = reader.tag();
        if (inner === boolTag) value = reader.varint() !== 0;
        else reader.skip(inner & 7);
      }
    } else reader.skip(tag & 7);
  }
  return isWanted ? value : undefined;
}

/** A field of `ModelInferRequest` that may stand behind a whole one: the last id counts. */
export function idField(id: string): Uint8Array {
  const text = Buffer.from(id);
  if (text.length > longestId) throw new RangeError(`an id has at most ${longestId} bytes, got ${text.length}`);
  return Buffer.concat([Buffer.of(requestIdTag, text.length), text]);
}

/** Its length is one byte. */
const longestId = 127;
const errorMessageTag = (1 << 3) | 2;
const inferResponseTag = (2 << 3) | 2;
const idTag = (3 << 3) | 2;
const parametersTag = (4 << 3) | 2;
const keyTag = (1 << 3) | 2;
const valueTag = (2 << 3) | 2;
const boolTag = (1 << 3) | 0;
const requestIdTag = (3 << 3) | 2;
