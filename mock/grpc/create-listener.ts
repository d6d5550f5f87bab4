/** Makes the gRPC port of a site. */
import { readModelOption, usualModels } from "../models/kinds.ts";
import type { MockOptions } from "../options.ts";
import type { Site } from "../site.ts";
import type { MockTls } from "../tls.ts";
import { ModelRepository } from "./deployed-model.ts";
import { InferenceService } from "./inference-service.ts";
import { GrpcListener } from "./listener.ts";

/** Bytes that are no text come back as three each, and more than three times as much does not fit the lengths that responses are written with. */
const maxMessageBytes = 80 * 1024 * 1024;

/** Its answers are the site's: one schedule, one limit, one count of both ports. The options must be checked. */
export function createGrpcListener(options: MockOptions, site: Site, tls: MockTls | undefined): GrpcListener {
  const models = options.grpcModels.length === 0 ? usualModels : options.grpcModels;
  const repository = new ModelRepository(models.flatMap((model) => readModelOption(model) ?? []));
  site.serves(repository.models);
  const { answers, cachedTokens, refused } = site;
  const service = new InferenceService({ options, answers, repository, cachedTokens, refused });
  return new GrpcListener({
    service,
    maxMessageBytes: Math.min(options.maxBodyBytes, maxMessageBytes),
    tls,
    hasKey: (authorization) => site.hasKey({ authorization, apiKey: undefined }),
    refused,
  });
}
