/** Where what a spec names as its file is on this host: a file below the folder that may be read, an upload, a public dataset. */
import { dirname, resolve } from "node:path";
import { type PublicChoice, publicChoiceOf, uploadPrefix } from "../common/dataset-source.ts";
import { AssayError } from "../common/errors.ts";
import { formatNamed } from "./core/formats/catalog.ts";
import { publicSetOf } from "./core/public-sets.ts";
import type { OnProgress } from "./progress.ts";
import { readablePath } from "./readable-path.ts";
import { isFolder } from "./reading/folder.ts";
import { DatasetStore, type StoreOptions } from "./store/dataset-store.ts";
import { type PublicFile, type PublicFileOptions, publicFiles } from "./store/public-file.ts";

export interface SourcePlace {
  readonly realPath: string;
  /** All of its files in the order of their rows, where they are several and no folder's; the path is then the first's. */
  readonly parts?: readonly PublicFile[];
  /** Folder that everything of it must be below. */
  readonly root: string;
  /** Where files are that its rows name, absolute; undefined: nowhere. */
  readonly folder: string | undefined;
  /** What people call it; empty: its path. */
  readonly name: string;
  /** Empty: found from the content. */
  readonly format: string;
  /** What of it is not there, for people. */
  readonly notes: readonly string[];
  /** It has been read. */
  release(): void;
}

export interface PlaceLimits {
  /** Folder below which files may be read, absolute; undefined: none may. */
  readonly root: string | undefined;
  readonly maxFileBytes: number;
  /** Where uploads and public datasets are; undefined: nowhere. */
  readonly store?: StoreOptions | undefined;
  /** Where the files of public datasets come from. Default: the store alone. */
  readonly publicFiles?: Pick<PublicFileOptions, "folder" | "baseUrl" | "token"> | undefined;
}

/** As a spec names them. */
export interface SourcePaths {
  readonly path: string;
  /** Empty: the folder of the file. */
  readonly mediaFolder: string;
}

/** Whoever wants it. */
interface Asked {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Rejects with what is wrong with the path, which names the field. @param asked by `signal` a download is ended */
export async function placeOf({ path, mediaFolder }: SourcePaths, limits: PlaceLimits, asked: Asked): Promise<SourcePlace> {
  const { root, store } = limits;
  if (path.startsWith(uploadPrefix)) return uploadPlace(path.slice(uploadPrefix.length), store);
  const choice = publicChoiceOf(path);
  if (choice !== undefined) return publicPlace(choice, limits, asked);
  const realPath = await readablePath(path, root, "dataset.file.path");
  if (mediaFolder !== "") await readablePath(mediaFolder, root, "dataset.file.media_folder");
  const folder = resolve(mediaFolder !== "" ? mediaFolder : isFolder(realPath, path) ? path : dirname(path));
  return { realPath, root: root ?? "", folder, name: "", format: "", notes: [], release: () => {} };
}

function uploadPlace(id: string, options: StoreOptions | undefined): SourcePlace {
  if (options === undefined || !id.startsWith("upload-")) throw placeError("not_found", `there is no upload ${id}`);
  const store = new DatasetStore(options);
  try {
    const release = store.use(id);
    const { description: name, format } = store.about(id);
    return { realPath: store.pathOf(id), root: store.folder, folder: undefined, name, format, notes: [], release };
  } catch (error) {
    throw placeError("not_found", `there is no upload ${id}; it may have made room for others: upload it again`, error);
  }
}

async function publicPlace(choice: PublicChoice, limits: PlaceLimits, { signal, onProgress }: Asked): Promise<SourcePlace> {
  const { store: options, publicFiles: places = { folder: undefined, baseUrl: undefined }, maxFileBytes } = limits;
  const found = publicSetOf(choice);
  if ("problem" in found) throw placeError("invalid_argument", found.problem);
  const { set } = found;
  const { format } = set;
  if (formatNamed(format) === undefined) {
    throw placeError("unimplemented", `public dataset ${set.name}: its format ${format} is not read by this version`);
  }
  const store = options && new DatasetStore(options);
  const onBytes = (doneBytes: number, totalBytes: number): void =>
    onProgress({ step: "download", rows: 0, doneBytes, totalBytes });
  const { files, root, isCut, release } = await publicFiles(set, { ...places, store, maxBytes: maxFileBytes, signal, onBytes });
  const [first] = files;
  if (first === undefined) throw new AssayError("internal", "a public dataset has no files");
  const which = files.length === 1 ? "its first file was" : `its first ${files.length} files were`;
  const notes = isCut ? [`${which} taken, with the next they have more than ${maxFileBytes} bytes (--max-dataset-bytes)`] : [];
  const { realPath } = first;
  const place = { realPath, root, folder: undefined, format, notes, release };
  return files.length === 1 ? { ...place, name: first.name } : { ...place, parts: files, name: set.file.replace(/\.\w+$/, "") };
}

function placeError(code: "invalid_argument" | "unimplemented" | "not_found", description: string, cause?: unknown): AssayError {
  return new AssayError(code, `dataset.file.path: ${description}`, {
    cause,
    violations: [{ field: "dataset.file.path", description }],
  });
}
