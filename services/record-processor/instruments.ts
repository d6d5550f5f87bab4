import { defineInstruments } from "../common/observe/counting.ts";

/** What a record-processor counts of itself. */
export const recordProcessorInstruments = defineInstruments({
  assay_record_processor_worker_streams: { kind: "gauge", unit: "{stream}", help: "Workers' streams of records that stand" },
  assay_record_processor_processed_records_total: {
    kind: "counter",
    unit: "{record}",
    help: "Records measured, those that were sent again included",
  },
  assay_record_processor_parse_faults_total: {
    kind: "counter",
    unit: "{record}",
    help: "Records that could not be measured for a reason that is not the target's: anything but 0 is a bug",
  },
  assay_record_processor_failed_records_total: {
    kind: "counter",
    unit: "{record}",
    help: "Records of requests that failed, those whose answer could not be parsed included",
  },
  assay_record_processor_queued_messages: {
    kind: "gauge",
    unit: "{message}",
    help: "Batches on their way to the records-manager that are not handed to the network yet",
  },
});
