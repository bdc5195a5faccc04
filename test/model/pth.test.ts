import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePth } from '../../src/model/pth.ts';
import expected from '../fixtures/tiny_pth.json' with { type: 'json' };
import { dict, floats, join, pickle, pth, tensor, type ZipEntry, zip } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const { file, global, int, text, tuple } = pickle;
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const storage0: ZipEntry = { name: 'a/data/0', data: floats(1, 2, 3, 4) };
const one = (fields: Parameters<typeof tensor>[0] = {}) => pth(file(dict(['w', tensor(fields)])));
const square = { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };

describe('files written by PyTorch', () => {
  it.each(Object.entries(expected))('%s has the values that PyTorch has', (name, tensors) => {
    const weights = parsePth(fixture(name));
    expect([...weights.keys()]).toEqual(Object.keys(tensors));
    for (const [key, { shape, data }] of Object.entries(tensors)) {
      expect(weights.get(key), key).toEqual({ shape, data: Float32Array.from(data) });
    }
  });

  it('of the format before 1.6 are refused with what to do', () => {
    expect(refusal(() => parsePth(fixture('tiny_legacy.pth')))).toMatch(/PyTorch before 1.6/);
  });

  it('are refused at every truncation', () => {
    const bytes = fixture('tiny_parameters.pth');
    for (let size = 0; size < bytes.length; size++) refusal(() => parsePth(bytes.subarray(0, size)));
  });

  it(
    'are refused or read when mutated, and nothing else',
    () => {
      const files = ['tiny.pth', 'tiny_parameters.pth', 'tiny_checkpoint.pth'].map(fixture);
      const { accepted, refused } = fuzz(files, parsePth);
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});

describe('parsePth', () => {
  const plain = dict(['fc.w', tensor()]);
  const parallel = dict(['module.fc.w', tensor()], ['module.fc.b', tensor()]);

  it('finds a state_dict one level down', () => {
    for (const name of ['state_dict', 'model']) {
      const root = dict(['epoch', int(3)], [name, plain]);
      expect(parsePth(pth(file(root))), name).toEqual(new Map([['fc.w', square]]));
    }
  });

  it('strips the prefix of DataParallel where every name has it', () => {
    expect([...parsePth(pth(file(parallel))).keys()]).toEqual(['fc.w', 'fc.b']);
    const mixed = dict(['module.w', tensor()], ['w', tensor()]);
    expect([...parsePth(pth(file(mixed))).keys()]).toEqual(['module.w', 'w']);
  });

  it('follows offsets and strides', () => {
    const row = one({ offset: int(2), shape: tuple(int(2)), strides: tuple(int(1)) });
    expect(parsePth(row).get('w')).toEqual({ shape: [2], data: Float32Array.of(3, 4) });
    const transposed = one({ strides: tuple(int(1), int(2)) });
    expect(parsePth(transposed).get('w')?.data).toEqual(Float32Array.of(1, 3, 2, 4));
    const anywhere = { shape: tuple(int(0), int(3)), strides: tuple(int(2 ** 40), int(1)) };
    expect(parsePth(one(anywhere)).get('w')).toEqual({ shape: [0, 3], data: new Float32Array(0) });
  });

  it('accepts the entries that newer versions add', () => {
    const more = ['byteorder', 'version', '.format_version', '.storage_alignment', '.data/serialization_id'];
    const entries = more.map((name) => ({
      name: `a/${name}`,
      data: join(name === 'byteorder' ? 'little' : '3\n'),
    }));
    expect(parsePth(pth(file(plain), [storage0, ...entries])).get('fc.w')).toEqual(square);
  });

  it('is not fooled by a tensor named __proto__', () => {
    expect(parsePth(pth(file(dict(['__proto__', tensor()])))).get('__proto__')).toEqual(square);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  const huge = tuple(int(2 ** 40), int(2 ** 40));
  const flat = tuple(int(0), int(0));
  const hostile: [string, Uint8Array, RegExp][] = [
    ['a bare pickle', file(plain), /or a bare pickle/],
    ['an archive without a pickle', zip([storage0]), /one NAME\/data.pkl in the archive, found 0/],
    ['an archive with two', pth(file(plain), [storage0, { name: 'b/data.pkl', data: [] }]), /found 2/],
    ['an empty pickle', pth([]), /pickle: cut short/],
    [
      'a TorchScript program',
      pth(file(plain), [storage0, { name: 'a/constants.pkl', data: [] }]),
      /TorchScript/,
    ],
    [
      'big-endian bytes',
      pth(file(plain), [storage0, { name: 'a/byteorder', data: join('big') }]),
      /byte order/,
    ],
    ['code', pth(file(global('os', 'system'), tuple(text('id')), 'R')), /global os.system/],
    [
      'a whole model',
      pth(file(global('torchvision.models.resnet', 'ResNet'))),
      /global torchvision.models.resnet.ResNet/,
    ],
    ['a number', pth(file(int(1))), /expected a dict/],
    ['one tensor', pth(file(tensor())), /got one tensor/],
    ['a dict without tensors', pth(file(dict(['lr', int(1)]))), /no tensors by name; the file holds: lr/],
    ['an empty dict', pth(file('}')), /the file holds: nothing/],
    ['a dict two levels down', pth(file(dict(['state_dict', dict(['model', plain])]))), /no tensors by name/],
    ['a storage that is missing', one({ key: '7' }), /w: storage 7 is not in the archive/],
    ['a storage that climbs', one({ key: '../data.pkl' }), /storage \.\.\/data.pkl is not in the archive/],
    ['a storage longer than its entry', one({ numel: 5 }), /claims 5 F32 values in 16 bytes/],
    ['a storage shorter than its entry', one({ numel: 3 }), /claims 3 F32 values in 16 bytes/],
    ['a storage of 2^53 - 1 values', one({ numel: 2 ** 53 - 1 }), /claims 9007199254740991/],
    ['a storage of another type', one({ type: 'DoubleStorage' }), /claims 4 F64 values in 16 bytes/],
    ['integers longer than their entry', one({ type: 'LongStorage' }), /claims 4 I64 values/],
    ['a view that begins outside', one({ offset: int(4) }), /leaves its storage of 4/],
    ['a view that ends outside', one({ shape: tuple(int(2), int(3)) }), /leaves its storage of 4/],
    ['a stride that leads outside', one({ strides: tuple(int(3), int(1)) }), /leaves its storage of 4/],
    ['a stride that overflows', one({ strides: tuple(int(2 ** 53 - 1), int(1)) }), /leaves its storage/],
    ['an offset of 2^53 - 1', one({ offset: int(2 ** 53 - 1) }), /leaves its storage/],
    ['an empty view outside', one({ offset: int(5), shape: tuple(int(0), int(1)) }), /leaves its storage/],
    ['a shape that passes 2^64', one({ shape: huge, strides: flat }), /passes 2\^53 elements/],
    [
      'four values expanded to 2^40',
      one({ shape: tuple(int(2 ** 20), int(2 ** 20)), strides: flat }),
      /larger than the file/,
    ],
    [
      'an integer expanded to 2^40',
      one({ type: 'IntStorage', shape: tuple(int(2 ** 20), int(2 ** 20)), strides: flat }),
      /larger than the file/,
    ],
    [
      'a pickle that is compressed',
      zip([{ name: 'a/data.pkl', data: file(plain), method: 8 }, storage0]),
      /compressed/,
    ],
  ];

  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(refusal(() => parsePth(bytes))).toMatch(message);
  });

  it('refuses a thousand views of one storage that would need more memory than the file', () => {
    const data = new Uint8Array(1 << 20);
    const count = data.length / 4;
    const view = join('h', 1); // the same tensor, from the memo
    const first = tensor({ numel: count, shape: tuple(int(count)), strides: tuple(int(1)) });
    const names = Array.from({ length: 1000 }, (_, i): [string, Uint8Array] => [`${i}`, view]);
    const root = file(dict(['first', join(first, 'q', 1)], ...names));
    expect(refusal(() => parsePth(pth(root, [{ name: 'a/data/0', data }])))).toMatch(/larger than the file/);
  });
});
