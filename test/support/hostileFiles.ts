// Builds weight files by hand, byte by byte, so that tests can make any field lie.
// A builder without overrides gives a valid file.

type Part = number | string | ArrayLike<number>;

/** Joins bytes: a number is one byte, text is one byte per character. */
export function join(...parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') bytes.push(part);
    else if (typeof part === 'string') for (const c of part) bytes.push(c.charCodeAt(0));
    else for (let i = 0; i < part.length; i++) bytes.push(part[i]);
  }
  return Uint8Array.from(bytes);
}

/** A little-endian integer of `width` bytes. */
export function le(value: number | bigint, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
}

export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** A .safetensors file from header text, so that the text may be malformed. */
export function safetensors(header: string, data: ArrayLike<number> = [], headerSize?: number | bigint) {
  const text = new TextEncoder().encode(header);
  return join(le(headerSize ?? text.length, 8), text, data);
}

export interface ZipEntry {
  name: string;
  data: ArrayLike<number>;
  localName?: string;
  flags?: number;
  method?: number;
  size?: number;
  packed?: number;
  localSize?: number;
  offset?: number;
  extra?: ArrayLike<number>;
}

export interface ZipEnd {
  count?: number;
  size?: number;
  offset?: number;
  comment?: string;
  disk?: number;
  zip64?: { count?: number | bigint; size?: number | bigint; offset?: number | bigint; at?: number | bigint };
}

/** A zip of stored entries, as torch writes it: sizes in the local headers are 0. */
export function zip(entries: readonly ZipEntry[], end: ZipEnd = {}): Uint8Array<ArrayBuffer> {
  let body = join();
  let directory = join();
  for (const entry of entries) {
    const { name, data, flags = 0x808, method = 0, extra = [] } = entry;
    const offset = entry.offset ?? body.length;
    const localName = entry.localName ?? name;
    const fixed = [le(flags, 2), le(method, 2), le(0, 8)].flat(); // flags, method, time, date, crc
    body = join(body, 'PK\x03\x04', le(0, 2), fixed, le(0, 4), le(entry.localSize ?? 0, 4));
    body = join(body, le(localName.length, 2), le(0, 2), localName, data);
    const size = entry.size ?? data.length;
    directory = join(directory, 'PK\x01\x02', le(0, 4), fixed, le(entry.packed ?? size, 4), le(size, 4));
    directory = join(
      directory,
      le(name.length, 2),
      le(extra.length, 2),
      le(0, 10),
      le(offset, 4),
      name,
      extra,
    );
  }
  const count = entries.length;
  let tail = join();
  if (end.zip64) {
    const { zip64 } = end;
    const at = body.length + directory.length;
    const sizes = [zip64.count ?? count, zip64.size ?? directory.length, zip64.offset ?? body.length];
    tail = join('PK\x06\x06', le(44, 8), le(0, 12), le(count, 8), ...sizes.map((n) => le(n, 8)));
    tail = join(tail, 'PK\x06\x07', le(0, 4), le(zip64.at ?? at, 8), le(1, 4));
  }
  const comment = end.comment ?? '';
  tail = join(tail, 'PK\x05\x06', le(end.disk ?? 0, 4), le(count, 2), le(end.count ?? count, 2));
  tail = join(tail, le(end.size ?? directory.length, 4), le(end.offset ?? body.length, 4));
  return join(body, directory, tail, le(comment.length, 2), comment);
}

/** Opcodes and pieces of a pickle. */
export const pickle = {
  proto: join(0x80, 2),
  global: (module: string, name: string) => join('c', module, '\n', name, '\n'),
  text: (value: string) => join('X', le(value.length, 4), value),
  int: (value: number | bigint) => join(0x8a, 8, le(BigInt.asUintN(64, BigInt(value)), 8)),
  float: (value: number) => {
    const bytes = new Uint8Array(new Float64Array([value]).buffer);
    return join('G', bytes.reverse());
  },
  tuple: (...items: Part[]) => join('(', ...items, 't'),
  /** A whole pickle: protocol, the parts, STOP. */
  file: (...parts: Part[]) => join(0x80, 2, ...parts, '.'),
};

export interface TensorFields {
  storage?: Part;
  type?: string;
  key?: string;
  numel?: number | bigint;
  offset?: Part;
  shape?: Part;
  strides?: Part;
}

/** A tensor as torch pickles it: by default four float32 values of storage 0, in the shape [2, 2]. */
export function tensor(fields: TensorFields = {}): Uint8Array {
  const { int, tuple, global, text } = pickle;
  const id = tuple(
    text('storage'),
    global('torch', fields.type ?? 'FloatStorage'),
    text(fields.key ?? '0'),
    text('cpu'),
    int(fields.numel ?? 4),
  );
  const hooks = join(global('collections', 'OrderedDict'), ')R');
  const args = tuple(
    fields.storage ?? join(id, 'Q'),
    fields.offset ?? int(0),
    fields.shape ?? tuple(int(2), int(2)),
    fields.strides ?? tuple(int(2), int(1)),
    0x89,
    hooks,
  );
  return join(global('torch._utils', '_rebuild_tensor_v2'), args, 'R');
}

export function dict(...items: [string, Part][]): Uint8Array {
  return join('}(', ...items.flatMap(([name, value]) => [pickle.text(name), value]), 'u');
}

/** A .pth archive around a pickle, with storage 0 = [1, 2, 3, 4] unless told otherwise. */
export function pth(
  data: ArrayLike<number>,
  more: readonly ZipEntry[] = [{ name: 'a/data/0', data: floats(1, 2, 3, 4) }],
) {
  return zip([{ name: 'a/data.pkl', data }, ...more]);
}
