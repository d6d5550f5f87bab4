/** Where what a spec names as its file is on this host: a file below the folder that may be read, an upload, a public dataset. */
import { uploadPrefix } from "../common/dataset-source.ts";
import { AssayError } from "../common/errors.ts";
import { readablePath } from "./readable-path.ts";
import { DatasetStore, type StoreOptions } from "./store/dataset-store.ts";

export interface SourcePlace {
  readonly realPath: string;
  /** Folder that everything of it must be below. */
  readonly root: string;
  /** What people call it; empty: its path. */
  readonly name: string;
  /** Empty: found from the content. */
  readonly format: string;
  /** It has been read. */
  release(): void;
}

export interface PlaceLimits {
  /** Folder below which files may be read, absolute; undefined: none may. */
  readonly root: string | undefined;
  /** Where uploads and public datasets are; undefined: nowhere. */
  readonly store?: StoreOptions | undefined;
}

/** Throws `not_found`, `permission_denied`, `invalid_argument`; each names the field. */
export async function placeOf(path: string, { root, store }: PlaceLimits): Promise<SourcePlace> {
  if (path.startsWith(uploadPrefix)) return uploadPlace(path.slice(uploadPrefix.length), store);
  const realPath = await readablePath(path, root, "dataset.file.path");
  return { realPath, root: root ?? "", name: "", format: "", release: () => {} };
}

function uploadPlace(id: string, options: StoreOptions | undefined): SourcePlace {
  const missing = (description: string, cause?: unknown): AssayError =>
    new AssayError("not_found", `dataset.file.path: ${description}`, {
      cause,
      violations: [{ field: "dataset.file.path", description }],
    });
  if (options === undefined || !id.startsWith("upload-")) throw missing(`there is no upload ${id}`);
  const store = new DatasetStore(options);
  try {
    const release = store.use(id);
    const { description: name, format } = store.about(id);
    return { realPath: store.pathOf(id), root: store.folder, name, format, release };
  } catch (error) {
    throw missing(`there is no upload ${id}; it may have made room for others: upload it again`, error);
  }
}
