/** What of a RunSpec this version carries out; the rest is refused by name. Pure. */
import type { DescField } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type RunSpec, RunSpecSchema } from "../../../../gen/assay/common/v1/run_spec_pb.js";

/**
 * Fields that this version carries out, by path. A set field that is not here is refused by name, so that nothing a client asks
 * for is silently left out.
 */
const supportedFields: readonly string[] = [
  "name",
  "models",
  "target.urls.url",
  "target.urls.weight",
  "target.urls.label",
  "target.headers",
  "target.session_header",
  "target.reset_kv_cache_path",
  "target.reset_kv_cache_timeout_sec",
  "target.api_key",
  "target.request_timeout_sec",
  "target.connect_timeout_sec",
  "target.first_byte_timeout_sec",
  "target.idle_timeout_sec",
  "target.connection_reuse",
  "target.url_strategy",
  "target.no_probe",
  "target.proxy_url",
  "target.proxy_ca_pem",
  "target.transport",
  "target.wait_for_model.timeout_sec",
  "target.wait_for_model.interval_sec",
  "target.wait_for_model.mode",
  "target.tls.ca_pem",
  "target.tls.cert_pem",
  "target.tls.key_pem",
  "target.tls.server_name",
  "target.tls.skip_verify",
  "target.grpc.stream_per",
  "target.grpc.compression",
  "target.grpc.keepalive_sec",
  "endpoint.type",
  "endpoint.path",
  "endpoint.streaming",
  "endpoint.use_legacy_max_tokens",
  "endpoint.use_server_token_count",
  "endpoint.extra_inputs",
  "endpoint.request_content_type",
  "endpoint.omit_stream_options",
  "endpoint.download_video_content",
  "endpoint.reasoning_tags",
  "endpoint.tensors.shapes",
  "endpoint.tensors.data",
  "endpoint.tensors.batch_size",
  "endpoint.tensors.string_length",
  "endpoint.tensors.string_data",
  "endpoint.tensors.request_parameters",
  "endpoint.tensors.text_input",
  "endpoint.tensors.text_output",
  "endpoint.tensors.length_input",
  "endpoint.tensors.stream_input",
  "endpoint.model_tensors",
  "endpoint.model_version",
  "endpoint.template.body",
  "endpoint.template.response_field",
  "tokenizer.name",
  "tokenizer.revision",
  "tokenizer.apply_chat_template",
  "tokenizer.check_usage",
  "dataset.synthetic.corpus",
  ...distribution("dataset.synthetic.input_tokens"),
  ...distribution("dataset.synthetic.output_tokens"),
  ...distribution("dataset.synthetic.turns"),
  ...distribution("dataset.synthetic.turn_delay_ms"),
  ...distribution("dataset.synthetic.length_mix.input_tokens"),
  ...distribution("dataset.synthetic.length_mix.output_tokens"),
  "dataset.synthetic.length_mix.weight",
  "dataset.synthetic.prefix_count",
  "dataset.synthetic.prefix_tokens",
  "dataset.synthetic.shared_system_tokens",
  "dataset.synthetic.user_context_tokens",
  "dataset.synthetic.text_batch_size",
  ...distribution("dataset.synthetic.images.width"),
  ...distribution("dataset.synthetic.images.height"),
  "dataset.synthetic.images.format",
  "dataset.synthetic.images.source",
  "dataset.synthetic.images.source_sampling",
  "dataset.synthetic.images.batch_size",
  ...distribution("dataset.synthetic.audio.length_sec"),
  "dataset.synthetic.audio.format",
  "dataset.synthetic.audio.sample_rates_khz",
  "dataset.synthetic.audio.depths",
  "dataset.synthetic.audio.channels",
  "dataset.synthetic.audio.batch_size",
  "dataset.synthetic.video.width",
  "dataset.synthetic.video.height",
  "dataset.synthetic.video.duration_sec",
  "dataset.synthetic.video.fps",
  "dataset.synthetic.video.synth_type",
  "dataset.synthetic.video.format",
  "dataset.synthetic.video.codec",
  "dataset.synthetic.video.batch_size",
  "dataset.synthetic.video.audio_channels",
  "dataset.synthetic.video.audio_sample_rate_hz",
  "dataset.synthetic.video.audio_depth",
  "dataset.synthetic.video.audio_codec",
  ...distribution("dataset.synthetic.rankings.passages"),
  ...distribution("dataset.synthetic.rankings.passage_tokens"),
  ...distribution("dataset.synthetic.rankings.query_tokens"),
  "dataset.cache_bust",
  "endpoint.force_output_length",
  "dataset.file.path",
  "dataset.file.format",
  "dataset.file.name",
  "dataset.file.on_bad_row",
  "dataset.file.text_batch_size",
  "dataset.file.image_batch_size",
  "dataset.file.audio_batch_size",
  "dataset.file.video_batch_size",
  "dataset.file.block_tokens",
  "dataset.file.ignores_trace_delays",
  "dataset.file.turn_delay_cap_sec",
  "dataset.file.is_open_loop",
  "dataset.file.is_open_loop_strict",
  "dataset.file.omits_kv_hints",
  "dataset.file.forces_min_tokens",
  "dataset.file.session_share",
  "dataset.file.uses_think_time_only",
  "dataset.file.max_context_tokens",
  "dataset.file.trace_idle_gap_cap_sec",
  "dataset.file.media_folder",
  "dataset.file.synthesis.speedup_ratio",
  "dataset.file.synthesis.prefix_len_multiplier",
  "dataset.file.synthesis.prefix_root_multiplier",
  "dataset.file.synthesis.prompt_len_multiplier",
  "dataset.file.synthesis.output_len_multiplier",
  "dataset.file.synthesis.max_input_tokens",
  "dataset.file.synthesis.max_output_tokens",
  ...distribution("dataset.file.output_tokens"),
  "dataset.dataset_id",
  "dataset.public.name",
  "dataset.public.subset",
  "dataset.public.filters",
  "dataset.replay.run_id",
  "dataset.replay.path",
  "dataset.sampling",
  "dataset.entries",
  "dataset.turn_delay_ratio",
  "dataset.check.kind",
  "dataset.check.value",
  "model_selection",
  "model_weights",
  "phases.name",
  "phases.kind",
  "phases.concurrency.limit",
  "phases.concurrency.unit",
  "phases.rate.rate_per_sec",
  "phases.rate.pattern",
  "phases.rate.smoothness",
  "phases.rate.series.at_sec",
  "phases.rate.series.rate_per_sec",
  "phases.rate.bursts.size",
  "phases.rate.bursts.interval_sec",
  "phases.rate.concurrency_ceiling",
  "phases.rate.overload",
  "phases.rate.ceiling_unit",
  "phases.stop.request_count",
  "phases.stop.session_count",
  "phases.stop.duration_sec",
  "phases.stop.failed_request_share",
  "phases.grace_sec",
  "phases.is_seamless",
  "phases.ramps.quantity",
  "phases.ramps.from",
  "phases.ramps.duration_sec",
  "phases.ramps.shape",
  "phases.ramps.steps",
  "phases.schedule.start_offset_ms",
  "phases.schedule.end_offset_ms",
  "phases.schedule.auto_offset",
  "phases.schedule.speedup",
  "phases.schedule.idle_gap_cap_sec",
  "phases.schedule.concurrency_ceiling",
  "phases.schedule.ceiling_unit",
  "phases.preferred_schedule.start_offset_ms",
  "phases.preferred_schedule.end_offset_ms",
  "phases.preferred_schedule.auto_offset",
  "phases.preferred_schedule.speedup",
  "phases.preferred_schedule.idle_gap_cap_sec",
  "phases.preferred_schedule.concurrency_ceiling",
  "phases.preferred_schedule.ceiling_unit",
  "phases.user_centric.users",
  "phases.user_centric.rate_per_sec",
  "phases.user_centric.concurrency_ceiling",
  "phases.user_centric.ceiling_unit",
  "phases.prefill_concurrency",
  "phases.cancellation.share",
  "phases.cancellation.delay_sec",
  "record_managers",
  "workers.max_workers",
  "workers.record_processors",
  "workers.pacing",
  "workers.hosts",
  "workers.host_labels",
  "workers.workers_per_host",
  "telemetry.dcgm_urls",
  "telemetry.disable_gpu",
  "telemetry.server_metrics_urls",
  "telemetry.disable_server_metrics",
  "telemetry.interval_ms",
  "telemetry.server_metrics_formats",
  "telemetry.gpu_metrics_csv",
  "telemetry.headers",
  "telemetry.tls.ca_pem",
  "telemetry.tls.cert_pem",
  "telemetry.tls.key_pem",
  "telemetry.tls.server_name",
  "telemetry.tls.skip_verify",
  "output.artifact_dir",
  "output.export_level",
  "output.export_prefix",
  "output.cli_command",
  "output.export_http_trace",
  "output.export_outputs_json",
  "output.show_trace_timing",
  "output.slice_sec",
  "output.stall_ms",
  "output.network_latency_ms",
  "output.measure_network_latency",
  "output.network_latency_ping_interval_sec",
  "objectives",
  "slos.metric",
  "slos.threshold",
  "random_seed",
];

/** Every field of a distribution. */
function distribution(path: string): string[] {
  const single = ["mean", "stddev", "kind", "min", "max", "median"];
  const listed = ["peaks.mean", "peaks.stddev", "peaks.weight", "points.value", "points.weight"];
  return [...single, ...listed].map((field) => `${path}.${field}`);
}

/** Paths, with indices, of set fields and values that this version does not build. */
export function unsupportedFields(spec: RunSpec): string[] {
  const found: string[] = [];
  visit(reflect(RunSpecSchema, spec), "", "", (field, path, shown, value) => {
    const isUnknown = field?.fieldKind === "enum" && field.enum.value[Number(value)] === undefined;
    if (!supportedFields.includes(path) || isUnknown) found.push(shown);
  });
  return found;
}

/** A message of which something is carried out; of others the mere presence is a wish. */
function isVisited(path: string): boolean {
  return supportedFields.some((field) => field.startsWith(`${path}.`));
}

/**
 * Calls `leaf` for every set field that is not visited in its turn, with its path, its path with indices, and its value. Fields
 * of a later version have no name: they come without a descriptor, as `field 99`.
 */
function visit(
  message: ReflectMessage,
  path: string,
  shown: string,
  leaf: (field: DescField | undefined, path: string, shown: string, value: unknown) => void,
): void {
  const below = (name: string, parent: string): string => (parent === "" ? name : `${parent}.${name}`);
  for (const { no } of message.getUnknown() ?? []) {
    leaf(undefined, below(`field ${no}`, path), below(`field ${no}`, shown), undefined);
  }
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const fieldPath = below(field.name, path);
    const fieldShown = below(field.name, shown);
    if (!isVisited(fieldPath)) {
      leaf(field, fieldPath, fieldShown, message.get(field));
    } else if (field.fieldKind === "message") {
      visit(message.get(field), fieldPath, fieldShown, leaf);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      let index = 0;
      for (const item of message.get(field)) visit(item as ReflectMessage, fieldPath, `${fieldShown}[${index++}]`, leaf);
    }
  }
}
