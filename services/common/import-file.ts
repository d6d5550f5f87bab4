/** `import()` of a user's file. Alone in its file: the build puts the real `import()` here, where bundles would have a `require`. */

/** The file's exports. Rejects as `import()` does. */
export const importFile = (url: string): Promise<unknown> => import(url);
