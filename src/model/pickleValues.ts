// The values that a .pth pickle may hold, and the only globals it may name, each with what it stands for.
// A call becomes one of our own plain values: an OrderedDict a Map, a rebuilt tensor a description of its view.
// Source of names and arguments: torch/_utils.py, torch/serialization.py (persistent ids), collections.OrderedDict.

import { StreamscopeError } from '../error.ts';
import { type ElementType, showName } from './elements.ts';

/** A torch storage: `numel` elements in the entry data/`key` of the archive. */
export interface PickleStorage {
  readonly kind: 'storage';
  readonly type: ElementType;
  readonly key: string;
  readonly numel: number;
}

/** A view of a storage, in elements. Sizes are whole and not negative; the bounds are not checked yet. */
export interface PickleTensor {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

export interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

export type PickleDict = Map<string | number, PickleValue>;
export type PickleTuple = readonly PickleValue[];
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleStorage
  | PickleTensor;

const STORAGE_TYPES = new Map<string, ElementType>([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
]);

const CALLS = new Map<string, (args: PickleTuple) => PickleValue>([
  ['collections.OrderedDict', makeOrderedDict],
  ['torch._utils._rebuild_tensor_v2', makeTensor],
  ['torch._utils._rebuild_parameter', makeParameter],
]);

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `pickle: ${message}`, hint);
}

/** The global of that name, if a weights file may have it. */
export function findGlobal(name: string): PickleGlobal {
  if (CALLS.has(name) || STORAGE_TYPES.has(name)) return { kind: 'global', name };
  throw bad(
    `global ${showName(name)} is not allowed in a weights file.`,
    'Save tensors only: torch.save(model.state_dict(), file).',
  );
}

/** What REDUCE stands for: `callable(*args)`, for the functions in the table. */
export function callGlobal(callable: PickleValue, args: PickleValue): PickleValue {
  const call = isKind(callable, 'global') ? CALLS.get(callable.name) : undefined;
  if (!call || !isTuple(args)) throw bad('REDUCE needs one of the known functions and a tuple.');
  return call(args);
}

function makeOrderedDict(args: PickleTuple): PickleDict {
  if (args.length > 0) throw bad('OrderedDict is expected without arguments.');
  return new Map();
}

/** The persistent id ('storage', type, key, device, numel): a storage of the archive. */
export function makeStorage(id: PickleValue): PickleStorage {
  if (isTuple(id) && id.length === 5) {
    const [tag, global, key, device, numel] = id;
    const type = isKind(global, 'global') ? STORAGE_TYPES.get(global.name) : undefined;
    const isText = typeof key === 'string' && typeof device === 'string';
    if (tag === 'storage' && type && isText && isSize(numel)) return { kind: 'storage', type, key, numel };
  }
  throw bad("expected a persistent id ('storage', type, key, device, numel).");
}

/** (storage, offset, shape, strides, requires_grad, hooks[, metadata]) */
function makeTensor(args: PickleTuple): PickleTensor {
  const [storage, offset, shape, strides] = args;
  const isTensor = isKind(storage, 'storage') && isSize(offset) && isSizes(shape) && isSizes(strides);
  if (args.length < 6 || args.length > 7 || !isTensor || shape.length !== strides.length) {
    throw bad('_rebuild_tensor_v2 needs a storage, an offset, and as many sizes as strides, none negative.');
  }
  return { kind: 'tensor', storage, offset, shape, strides };
}

/** (tensor, requires_grad, hooks) */
function makeParameter(args: PickleTuple): PickleTensor {
  if (args.length === 3 && isKind(args[0], 'tensor')) return args[0];
  throw bad('_rebuild_parameter needs a tensor and two more arguments.');
}

function isSize(value: PickleValue): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSizes(value: PickleValue): value is readonly number[] {
  return isTuple(value) && value.length <= 64 && value.every(isSize);
}

export function isTuple(value: PickleValue): value is PickleTuple {
  return Array.isArray(value);
}

type Kinds = { global: PickleGlobal; storage: PickleStorage; tensor: PickleTensor; list: PickleList };

/** Whether a value is of a kind; primitives, tuples and dicts have none. */
export function isKind<K extends keyof Kinds>(value: PickleValue, kind: K): value is Kinds[K] {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}
