/** What is said of a public dataset's file that is not there and cannot be had. */
import { AssayError } from "../../common/errors.ts";
import type { PublicSet } from "../core/public-sets.ts";
import type { PublicFileOptions } from "./public-file.ts";

interface Missing {
  /** Default: the set's first. */
  readonly file?: string;
  readonly why: string;
  readonly cause?: unknown;
}

/** `unavailable`: which file is wanted, and where it may be put. */
export function missingFile(
  set: PublicSet,
  { folder, store }: Pick<PublicFileOptions, "folder" | "store">,
  { file = set.file, why, cause }: Missing,
): AssayError {
  const places = [...(folder === undefined ? [] : [folder]), ...(store === undefined ? [] : ["the cache"])];
  const sought = places.length === 0 ? "" : ` is not in ${places.join(" nor in ")}, and`;
  const put = folder === undefined ? "into a folder and name that by --dataset-dir" : `into ${folder}`;
  const description =
    `public dataset ${set.name}: the file ${file}${sought} cannot be downloaded: ${why}; ` +
    `put it ${put}, or give it as --input-file with --custom-dataset-type ${set.format}`;
  return new AssayError("unavailable", `dataset.file.path: ${description}`, {
    cause,
    violations: [{ field: "dataset.file.path", description }],
  });
}
