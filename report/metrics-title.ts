/** What the table of a run's figures is called, as AIPerf has it: by the shape of the target's API. Pure. */

const titles: Readonly<Record<string, string>> = {
  embeddings: "Embeddings Metrics",
  chat_embeddings: "Embeddings Metrics",
  nim_embeddings: "NIM Embeddings Metrics",
  nim_rankings: "Rankings Metrics",
  cohere_rankings: "Ranking Metrics",
  hf_tei_rankings: "Ranking Metrics",
  image_generation: "Image Generation Metrics",
  image_edit: "Image Edit Metrics",
  image_retrieval: "Image Retrieval Metrics",
  video_generation: "Video Generation Metrics",
  audio_transcription: "Audio Transcription Metrics",
  audio_speech: "Audio Speech Metrics",
};

/** @param endpointType as `--endpoint-type` takes it; one that is not known here, or none, answers with text */
export function metricsTitle(endpointType = ""): string {
  return (Object.hasOwn(titles, endpointType) ? titles[endpointType] : undefined) ?? "LLM Metrics";
}
