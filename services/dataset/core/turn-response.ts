/**
 * A `FetchTurnsResponse` written field by field: the turns of a file are bytes already, and to make objects of them only to write
 * them out again costs several times what sending costs. Pure.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { FetchedTurnSchema, FetchTurnsResponseSchema, TurnRefSchema } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { WireWriter } from "../../common/wire.ts";
import type { PackedTurn } from "./turns.ts";

/** What a reference and the numbers of its turn take at most, twice, with the heads of their messages. */
const mostRefBytes = 96;
const turnsField = FetchTurnsResponseSchema.field.turns.number;
const { ref: refField, turn: turnField } = FetchedTurnSchema.field;

export class TurnResponse {
  readonly #wire: WireWriter;
  #turns = 0;

  /** @param sizeBytes what it is expected to take */
  constructor(sizeBytes: number) {
    this.#wire = new WireWriter(Buffer.allocUnsafeSlow(sizeBytes));
  }

  get turns(): number {
    return this.#turns;
  }

  get sizeBytes(): number {
    return this.#wire.end;
  }

  addPacked(conversation: number, turn: number, { bytes, amendments }: PackedTurn): void {
    const wire = this.#wire;
    wire.reserve(bytes.length + amendments.length + mostRefBytes);
    const fetched = wire.open(turnsField);
    const ref = wire.open(refField.number);
    wire.uint(TurnRefSchema.field.conversation.number, conversation);
    wire.uint(TurnRefSchema.field.turn.number, turn);
    wire.close(ref);
    const whole = wire.open(turnField.number);
    wire.uint(TurnSchema.field.conversation.number, conversation);
    wire.uint(TurnSchema.field.turn.number, turn);
    wire.fields(bytes);
    wire.fields(amendments);
    wire.close(whole);
    wire.close(fetched);
    this.#turns++;
  }

  add(fetched: MessageInitShape<typeof FetchedTurnSchema>): void {
    const bytes = toBinary(FetchedTurnSchema, create(FetchedTurnSchema, fetched));
    this.#wire.reserve(bytes.length + mostRefBytes);
    const opened = this.#wire.open(turnsField);
    this.#wire.fields(bytes);
    this.#wire.close(opened);
    this.#turns++;
  }

  /** The message; nothing may be added any more. */
  bytes(): Uint8Array {
    return this.#wire.buffer.subarray(0, this.#wire.end);
  }
}
