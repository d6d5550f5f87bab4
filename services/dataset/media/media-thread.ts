/** The program of a thread that makes media, one turn after the other, until it is ended. Started by `media-pool.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { create, toBinary } from "@bufbuild/protobuf";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { wireMessageOf } from "../../common/chat-messages.ts";
import { AssayError, messageOf } from "../../common/errors.ts";
import { withMedia } from "../core/media/media.ts";
import { MediaMaker, type MediaTools } from "./make-media.ts";
import type { MediaAnswer, MediaJob } from "./media-pool.ts";

// Whoever starts this gives it its tools.
const maker = new MediaMaker(workerData as MediaTools);

async function work({ messages, turn, media }: MediaJob): Promise<void> {
  const whole = withMedia(messages, await maker.make(media));
  const bytes = new Uint8Array(toBinary(TurnSchema, create(TurnSchema, { ...turn, messages: whole.map(wireMessageOf) })));
  say({ kind: "made", bytes }, [bytes.buffer]);
}

function say(answer: MediaAnswer, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(answer, transfer);
}

/** A class does not survive the thread's border; its parts do. */
function sayFailure(error: unknown): void {
  const { code, message } = error instanceof AssayError ? error : new AssayError("internal", messageOf(error));
  say({ kind: "failed", code, message });
}

parentPort?.on("message", (job: MediaJob) => {
  work(job).catch(sayFailure);
});
