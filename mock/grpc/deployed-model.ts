/** A model of the gRPC port, as requests name it. */
import type { ModelKind } from "../models/model.ts";
import { ModelCounts } from "./statistics.ts";
import { type GrpcStatus, status } from "./status.ts";

/** The one version that every model has. */
export const modelVersion = "1";

export interface DeployedModel {
  readonly name: string;
  readonly kind: ModelKind;
  readonly counts: ModelCounts;
}

export class ModelRepository {
  readonly models: readonly DeployedModel[];
  readonly #byName: ReadonlyMap<string, DeployedModel>;

  /** In the order of their names, as servers list them; of two with one name the last. */
  constructor(models: readonly { readonly name: string; readonly kind: ModelKind }[]) {
    const given = new Map(models.map(({ name, kind }) => [name, { name, kind, counts: new ModelCounts() }]));
    this.models = [...given.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#byName = given;
  }

  /** The model of a request, or Triton's words about there being none. */
  find(name: string, version: string): DeployedModel | GrpcStatus {
    if (version !== "" && !/^\d+$/.test(version)) {
      const why = "(details: stol), version should be an integral value > 0";
      return status("invalidArgument", `failed to get model version from specified version string '${version}' ${why}`);
    }
    const model = this.#byName.get(name);
    if (model === undefined) return status("notFound", `Request for unknown model: '${name}' is not found`);
    if (version === "" || version === modelVersion) return model;
    return status("notFound", `Request for unknown model: '${name}' version ${version} is not found`);
  }

  /** The models that statistics are asked for; every one where no name is given. */
  select(name: string, version: string): readonly DeployedModel[] | GrpcStatus {
    if (name === "") return this.models;
    const model = this.#byName.get(name);
    if (model === undefined) return status("invalidArgument", `requested model '${name}' is not available`);
    if (version === "" || version === modelVersion) return [model];
    return status("invalidArgument", `requested model version is not available for model '${name}'`);
  }
}
