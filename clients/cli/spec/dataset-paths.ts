/** Paths of `FileDataset` that are no file's, as the proto says: uploads and public datasets. Pure. */

/** The path of an upload. */
export function uploadPath(datasetId: string): string {
  return `upload:${datasetId}`;
}

/**
 * The path of a public dataset.
 * @param subset undefined: the one that the name stands for
 * @param filters each `KEY=VALUE`
 */
export function publicPath(name: string, subset: string | undefined, filters: readonly string[]): string {
  const query = new URLSearchParams(subset === undefined ? {} : { subset });
  for (const filter of filters) query.set(filter.split("=", 1)[0] ?? "", filter.slice(filter.indexOf("=") + 1));
  query.sort();
  return query.size === 0 ? `public:${name}` : `public:${name}?${query}`;
}

/** Whether a path is one of these. */
export function isStoredPath(path: string): boolean {
  return /^(upload|public):/.test(path);
}
