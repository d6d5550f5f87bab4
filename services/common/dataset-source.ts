/** What datasets can be made of, said in one way: an upload and a public dataset are files that lie where the dataset service keeps them. Pure. */
import { create } from "@bufbuild/protobuf";
import { type DatasetSpec, FileDatasetSchema } from "../../gen/assay/common/v1/run_spec_pb.js";

/** What the path of an upload begins with; its id follows. */
export const uploadPrefix = "upload:";
/** What the path of a public dataset begins with; its name follows, and `?subset=S&KEY=VALUE`. */
const publicPrefix = "public:";

/** The same source as a file, where it can be said so. */
export function asFileSource(source: DatasetSpec["source"]): DatasetSpec["source"] {
  switch (source.case) {
    case "datasetId":
      return { case: "file", value: create(FileDatasetSchema, { path: `${uploadPrefix}${source.value}` }) };
    case "public": {
      const { name, subset, filters } = source.value;
      return { case: "file", value: create(FileDatasetSchema, { path: publicPath({ name, subset, filters }) }) };
    }
    default:
      return source;
  }
}

export interface PublicChoice {
  readonly name: string;
  /** Empty: the one that the name stands for. */
  readonly subset: string;
  /** Values of fields that rows must have. */
  readonly filters: Readonly<Record<string, string>>;
}

/** The path that a public dataset has. */
export function publicPath({ name, subset, filters }: PublicChoice): string {
  const query = new URLSearchParams({ ...(subset === "" ? {} : { subset }), ...filters });
  query.sort();
  return query.size === 0 ? `${publicPrefix}${name}` : `${publicPrefix}${name}?${query}`;
}

/** What the path of a public dataset says; undefined: it is none. */
export function publicChoiceOf(path: string): PublicChoice | undefined {
  if (!path.startsWith(publicPrefix)) return undefined;
  const [name = "", query = ""] = path.slice(publicPrefix.length).split("?", 2);
  const { subset = "", ...filters } = Object.fromEntries(new URLSearchParams(query));
  return { name, subset, filters };
}
