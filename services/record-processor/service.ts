/** RPCs of the record-processor. */
import { create, toBinary } from "@bufbuild/protobuf";
import { builtInEndpoints, type EndpointCatalog } from "../../endpoints/catalog.ts";
import type { Endpoint } from "../../endpoints/endpoint.ts";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import {
  ProcessRecordsRequestSchema,
  RecordProcessorService,
} from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { decodeReads, decodeStamps } from "../common/chunk-stamps.ts";
import { AssayError } from "../common/errors.ts";
import { wireRecordOf } from "../common/metric-record-codec.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { readRecordBatch } from "../common/record-batch.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { endpointOf } from "../common/run-endpoint.ts";
import { createEncodingCounter } from "../common/tokenizer/encodings.ts";
import { defaultEncoding } from "../common/tokenizer/source.ts";
import { readMessage } from "../common/wire.ts";
import { createMeasurer, type ProcessorRun } from "./processor-run.ts";

/** Records come as bytes and are read by hand. */
const codecs = { processRecords: { requestDeserialize: (bytes: Buffer) => bytes } };

/**
 * `runOf` gives a shard of the run of an id, undefined while it is not configured here.
 * @param endpoints default: the built-in ones
 */
export function createRecordProcessorService(
  runOf: (runId: string, shard: number) => ProcessorRun | undefined,
  memberId: () => string,
  endpoints: EndpointCatalog = builtInEndpoints,
): Implementation {
  const countTokens = createEncodingCounter(defaultEncoding);
  return implement(RecordProcessorService, {
    role: "operator",
    roles: { processRecords: "member" },
    codecs,
    handlers: {
      processRecords: {
        onStream(stream) {
          stream.onMessage((bytes) => {
            const { message } = readMessage(ProcessRecordsRequestSchema, bytes);
            if (message.case !== "hello") throw new AssayError("invalid_argument", "a records stream must begin with hello");
            const { runId, shard } = message.value;
            const run = runOf(runId, shard);
            // A worker may be configured before its processor is: it dials again.
            if (run === undefined) throw new AssayError("unavailable", `shard ${shard} of run ${runId} is not configured here`);
            run.accept(stream, message.value);
          });
        },
      },
      parseResponse: ({ endpoint, record }) => {
        if (record === undefined) throw new AssayError("invalid_argument", "record: needed");
        const spec = create(RunSpecSchema, endpoint === undefined ? {} : { endpoint });
        const batch = create(ProcessRecordsRequestSchema, { message: { case: "batch", value: { seq: 1n, records: [record] } } });
        const bytes = Buffer.from(toBinary(ProcessRecordsRequestSchema, batch));
        const [received] = readRecordBatch(bytes, { workerId: record.workerId, wallOffsetNs: 0 }).records;
        if (received === undefined) throw new AssayError("internal", "the record did not decode");
        const raw = received.record;
        const counters = { countTokens: spec.endpoint?.useServerTokenCount ? undefined : countTokens };
        const measured = createMeasurer(spec, { counters, endpoints }).measure(raw);
        return {
          record: wireRecordOf(measured, memberId()),
          tags: recordMetrics.map(({ tag }) => tag),
          units: recordMetrics.map(({ unit }) => unit),
          contentNs: [...decodeStamps(measured.contentStamps)],
          ...textsOf(raw, endpointOf(spec.endpoint, endpoints)),
        };
      },
    },
  });
}

/** What an answer says, as far as it can be read. */
function textsOf(raw: RawRecord, endpoint: Endpoint): { outputText: string; reasoningText: string } {
  try {
    const { outputText, reasoningText } = endpoint.parse({ ...raw, ...decodeReads(raw.stamps) });
    return { outputText, reasoningText };
  } catch {
    // Stamps that cannot be read: the record's own error says so.
    return { outputText: "", reasoningText: "" };
  }
}
