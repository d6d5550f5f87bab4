/** Versions of models in KServe's protocol: a field of each message over gRPC, a part of the path over REST. Pure. */

export interface VersionOptions {
  /** Of every model that is asked. Absent or empty: the server takes the one that its policy says. */
  readonly modelVersion?: string;
}

/** What the paths of a model begin with. */
export function modelPath(modelVersion = ""): string {
  const version = modelVersion === "" ? "" : `/versions/${encodeURIComponent(modelVersion)}`;
  return `/v2/models/{model}${version}`;
}
