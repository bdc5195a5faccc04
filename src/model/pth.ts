// Reads the float tensors of a .pth file: a zip of NAME/data.pkl, which describes views, and NAME/data/KEY, storages.
// A view of sizes n and strides s holds the elements offset + sum(i_d s_d), 0 <= i_d < n_d; its last one must lie inside
// the storage, and a storage must have exactly the bytes of its entry. Views may share storages and stride freely
// (transposed, expanded), but all together they may not outgrow the file, so a small file cannot ask for much memory.
// A state_dict may sit one level down, as training scripts save it, and carry the 'module.' of DataParallel.

import { StreamscopeError } from '../error.ts';
import { decodeUtf8, ELEMENT_BYTES, elementCount, isFloatType, READ_FLOAT, showName } from './elements.ts';
import { unpickle } from './pickle.ts';
import { isKind, type PickleDict, type PickleTensor, type PickleValue } from './pickleValues.ts';
import type { Weights, WeightTensor } from './weights.ts';
import { readZip } from './zip.ts';

const NESTED = ['state_dict', 'model'];
const PARALLEL = 'module.';

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `pth: ${message}`, hint);
}

/**
 * The float tensors of a torch.save file, as float32; counters and other integers are checked and left out.
 * @throws StreamscopeError badInput for anything but tensors in a zip archive.
 */
export function parsePth(bytes: Uint8Array): Weights {
  if (bytes[0] === 0x80) {
    throw bad(
      'this is the format of PyTorch before 1.6, or a bare pickle; expected a zip archive.',
      'Load it in PyTorch and save it again: torch.save(state_dict, file, _use_new_zipfile_serialization=True).',
    );
  }
  const entries = readZip(bytes);
  const folder = findFolder(entries);
  checkByteOrder(entries.get(`${folder}byteorder`));
  const state = findStateDict(unpickle(entries.get(`${folder}data.pkl`) as Uint8Array));
  const prefix = state.every(([name]) => name.startsWith(PARALLEL)) ? PARALLEL : '';
  const weights = new Map<string, WeightTensor>();
  let room = bytes.length;
  for (const [name, tensor] of state) {
    const { storage } = tensor;
    const content = entries.get(`${folder}data/${storage.key}`);
    const count = checkView(showName(name), tensor, content);
    room -= count;
    if (room < 0) throw bad(`the tensors up to ${showName(name)} are larger than the file that holds them.`);
    if (!isFloatType(storage.type) || !content) continue;
    weights.set(name.slice(prefix.length), { shape: tensor.shape, data: readView(tensor, content, count) });
  }
  return weights;
}

function findFolder(entries: ReadonlyMap<string, Uint8Array>): string {
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw bad(`expected one NAME/data.pkl in the archive, found ${pickles.length}.`);
  const folder = pickles[0].slice(0, -'data.pkl'.length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw bad(
      'this is a TorchScript program.',
      'Save the weights only: torch.save(model.state_dict(), file).',
    );
  }
  return folder;
}

function checkByteOrder(entry: Uint8Array | undefined): void {
  const order = entry ? decodeUtf8(entry) : 'little';
  if (order !== 'little')
    throw bad('the byte order is not little-endian.', 'Save it again on a usual machine.');
}

/** The named tensors of the state_dict: the value itself, or the dict under one of the usual names. */
function findStateDict(root: PickleValue): [string, PickleTensor][] {
  if (isKind(root, 'tensor')) throw bad('expected a dict of tensors, got one tensor.');
  if (!(root instanceof Map)) throw bad('expected a dict of tensors.');
  const nested = NESTED.map((name) => root.get(name)).find((value) => value instanceof Map);
  const tensors = namedTensors(nested ?? root);
  if (tensors.length === 0) {
    const keys = [...root.keys()].slice(0, 5).map((key) => showName(String(key)));
    throw bad(`no tensors by name; the file holds: ${keys.join(', ') || 'nothing'}.`);
  }
  return tensors;
}

function namedTensors(dict: PickleDict): [string, PickleTensor][] {
  const tensors: [string, PickleTensor][] = [];
  for (const [name, value] of dict) {
    if (typeof name === 'string' && isKind(value, 'tensor')) tensors.push([name, value]);
  }
  return tensors;
}

/** The number of elements of a view that is known to lie inside its storage, and the storage inside the file. */
function checkView(name: string, tensor: PickleTensor, content: Uint8Array | undefined): number {
  const { storage, offset, shape, strides } = tensor;
  if (!content) throw bad(`${name}: storage ${showName(storage.key)} is not in the archive.`);
  if (storage.numel * ELEMENT_BYTES[storage.type] !== content.length) {
    throw bad(
      `${name}: its storage claims ${storage.numel} ${storage.type} values in ${content.length} bytes.`,
    );
  }
  const count = elementCount(shape);
  if (count === undefined) throw bad(`${name}: shape [${shape}] passes 2^53 elements.`);
  const last = shape.reduce((sum, size, d) => sum + (size - 1) * strides[d], offset);
  const isInside = count === 0 ? offset <= storage.numel : last < storage.numel;
  if (!isInside) {
    throw bad(
      `${name}: [${shape}] with strides [${strides}] at ${offset} leaves its storage of ${storage.numel}.`,
    );
  }
  return count;
}

/** Copies a checked view in row-major order; `index` counts like an odometer. */
function readView({ storage, offset, shape, strides }: PickleTensor, content: Uint8Array, count: number) {
  const type = storage.type;
  if (!isFloatType(type)) throw new StreamscopeError('bug', `readView: ${type} is not a float type.`);
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const read = READ_FLOAT[type];
  const width = ELEMENT_BYTES[type];
  const data = new Float32Array(count);
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    data[i] = read(view, at * width);
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= index[d] * strides[d];
      index[d] = 0;
    }
  }
  return data;
}
