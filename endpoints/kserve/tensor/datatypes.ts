/** The datatypes of KServe's tensors, by their names on the wire. */

/** Bytes of one element; 0: of any length, each element of BYTES has its own. */
export const elementBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const;

export type Datatype = keyof typeof elementBytes;

/** Names of all of them, for messages. */
export const datatypes = Object.keys(elementBytes) as readonly Datatype[];

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(elementBytes, name);
}
