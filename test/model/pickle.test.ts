import { describe, expect, it } from 'vitest';
import { unpickle } from '../../src/model/pickle.ts';
import { dict, join, le, pickle, tensor } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const { file, float, global, int, text, tuple } = pickle;
const storage = { kind: 'storage', type: 'F32', key: '0', numel: 4 };

describe('unpickle', () => {
  it('reads plain values', () => {
    const values: [Uint8Array, unknown][] = [
      [join('N'), null],
      [join(0x88), true],
      [join(0x89), false],
      [join('K', 255), 255],
      [join('M', 0xff, 0xff), 65535],
      [join('J', le(-2n, 4)), -2],
      [join(0x8a, 0), 0],
      [join(0x8a, 1, 0x80), -128],
      [int(2 ** 53 - 1), 2 ** 53 - 1],
      [float(-0.1), -0.1],
      [text('conv1.weight'), 'conv1.weight'],
      [join(')'), []],
      [tuple(join('K', 1), join('K', 2), join('K', 3), join('K', 4)), [1, 2, 3, 4]],
      [join('K', 1, 'K', 2, 0x86), [1, 2]],
      [join(']K', 1, 'a(K', 2, 'K', 3, 'e'), { kind: 'list', items: [1, 2, 3] }],
      [join('}K', 1, 'Ns'), new Map([[1, null]])],
      [
        dict(['a', join('N')], ['__proto__', join(0x88)]),
        new Map<string, unknown>([
          ['a', null],
          ['__proto__', true],
        ]),
      ],
    ];
    for (const [code, value] of values) expect(unpickle(file(code))).toEqual(value);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('reads tensors, parameters, and the attributes of a state_dict', () => {
    const expected = { kind: 'tensor', storage, offset: 0, shape: [2, 2], strides: [2, 1] };
    expect(unpickle(file(tensor()))).toEqual(expected);
    const hooks = join(global('collections', 'OrderedDict'), ')R');
    const parameter = join(global('torch._utils', '_rebuild_parameter'), tuple(tensor(), 0x88, hooks), 'R');
    expect(unpickle(file(parameter))).toEqual(expected);
    expect(unpickle(file(hooks, dict(['_metadata', join('}')]), 'b'))).toEqual(new Map());
  });

  it('shares what the memo holds, a list that holds itself included', () => {
    const list = unpickle(file(']q', 0, 'h', 0, 'a')) as { items: unknown[] };
    expect(list.items[0]).toBe(list);
    expect(unpickle(file('}r', le(2 ** 31, 4), 'j', le(2 ** 31, 4), 0x86))).toEqual([new Map(), new Map()]);
  });

  it('is not slowed by a pickle that would unfold to 2^64 values', () => {
    const doubling = Array.from({ length: 64 }, (_, i) => join('q', i, 'h', i, 0x86));
    expect(Array.isArray(unpickle(file(')', ...doubling)))).toBe(true);
  });

  it('reads tuples 100,000 deep', () => {
    expect(Array.isArray(unpickle(file(')', new Uint8Array(100_000).fill(0x85))))).toBe(true);
  });

  const id = (...items: Parameters<typeof tuple>) => join(tuple(...items), 'Q');
  const type = global('torch', 'FloatStorage');
  const hostile: [string, Uint8Array, RegExp][] = [
    ['no bytes', join(), /cut short at byte 0/],
    ['no end', join(0x80, 2, 'N'), /cut short at byte 3/],
    ['bytes after the end', join(file('N'), 0), /1 bytes follow/],
    ['two values', file('NN'), /left on the stack/],
    ['a mark without an end', file('(N'), /left on the stack/],
    ['nothing', file(), /nothing on the stack/],
    ['protocol 4', join(0x80, 4, 'N.'), /protocol 4, expected 2/],
    ['os.system', file(global('os', 'system'), tuple(text('id')), 'R'), /global os.system is not allowed/],
    ['posix.system', file(global('posix', 'system')), /global posix.system is not allowed/],
    ['builtins.eval', file(global('builtins', 'eval')), /global builtins.eval is not allowed/],
    ['torch.load by reduce', file(global('torch', 'load')), /global torch.load is not allowed/],
    ['a module split elsewhere', file(global('torch._utils._rebuild', 'x')), /is not allowed/],
    ['the global __proto__', file(global('__proto__', 'constructor')), /is not allowed/],
    ['a name with escape codes', file(global('\x1b[2J', 'x')), /global "\\u001b\[2J.x" is not allowed/],
    ['a name without an end', file('cos', 'x'.repeat(300)), /does not end/],
    ['a name that is not UTF-8', file(global('\xff', 'x')), /not valid UTF-8/],
    ['STACK_GLOBAL', file(text('os'), text('system'), 0x93), /opcode STACK_GLOBAL .* is not allowed/],
    ['INST', file('(ios\nsystem\n'), /opcode INST/],
    ['OBJ', file('(', type, 'o'), /opcode OBJ/],
    ['NEWOBJ', file(type, ')', 0x81), /opcode NEWOBJ/],
    ['EXT1', file(0x82, 1), /opcode EXT1/],
    ['an opcode that does not exist', file(0xff), /opcode 0xff at byte 2/],
    ['a call of a storage type', file(type, ')R'), /REDUCE needs/],
    ['a call of text', file(text('x'), ')R'), /REDUCE needs/],
    ['a call with a list', file(global('collections', 'OrderedDict'), ']R'), /REDUCE needs/],
    [
      'an OrderedDict with arguments',
      file(global('collections', 'OrderedDict'), '))', 0x86, 'R'),
      /without arguments/,
    ],
    ['SETITEM on a list', file(']NNs'), /SETITEM on something that is not a dict/],
    ['SETITEM on a tensor', file(tensor(), text('shape'), 'Ns'), /not a dict/],
    ['SETITEMS on a global', file(type, '(', text('a'), 'Nu'), /not a dict/],
    ['SETITEMS without a value', file('}(', text('a'), 'u'), /no value/],
    ['a list for a key', file('}]Ns'), /key is neither/],
    ['a key given twice', file(dict(['a', 'N'], ['a', 'N'])), /a is given twice/],
    ['APPEND on a dict', file('}Na'), /not a list/],
    ['APPEND on a tuple', file(')Na'), /not a list/],
    ['BUILD on a tensor', file(tensor(), '}b'), /BUILD/],
    ['BUILD with a tuple', file('})b'), /BUILD/],
    ['a pop under the mark', file('N(', 0x85), /nothing on the stack/],
    ['TUPLE without a mark', file('Nt'), /no mark/],
    ['a memo entry that is not set', file('h', 7), /memo 7 is used before/],
    ['text of 4 GB', file('X', le(0xffffffff, 4), 'abc'), /4294967295 more bytes/],
    ['text that is not UTF-8', file('X', le(1, 4), 0xff), /not valid UTF-8/],
    ['an integer of 2^53', file(int(2n ** 53n)), /beyond 2\^53/],
    ['an integer of 255 bytes', file(0x8a, 255, new Uint8Array(255).fill(0x7f)), /beyond 2\^53/],
    ['a persistent id that is text', file(text('storage'), 'Q'), /persistent id/],
    [
      'a storage of another kind',
      file(id(text('module'), type, text('0'), text('cpu'), int(1))),
      /persistent id/,
    ],
    [
      'a storage of a function',
      file(id(text('storage'), global('collections', 'OrderedDict'), text('0'), text('cpu'), int(1))),
      /persistent id/,
    ],
    [
      'a storage of -1 values',
      file(id(text('storage'), type, text('0'), text('cpu'), int(-1))),
      /persistent id/,
    ],
    [
      'a storage of NaN values',
      file(id(text('storage'), type, text('0'), text('cpu'), float(Number.NaN))),
      /persistent id/,
    ],
    ['a tensor over text', file(tensor({ storage: text('x') })), /needs a storage/],
    ['a negative offset', file(tensor({ offset: int(-1) })), /needs a storage/],
    ['a NaN offset', file(tensor({ offset: float(Number.NaN) })), /needs a storage/],
    ['a negative size', file(tensor({ shape: tuple(int(-2), int(-2)) })), /needs a storage/],
    ['a negative stride', file(tensor({ strides: tuple(int(-2), int(1)) })), /needs a storage/],
    ['fewer strides than sizes', file(tensor({ strides: tuple(int(1)) })), /needs a storage/],
    ['65 dimensions', file(tensor({ shape: tuple(...Array(65).fill(int(1))) })), /needs a storage/],
    [
      'a parameter that is no tensor',
      file(global('torch._utils', '_rebuild_parameter'), tuple('N', 'N', 'N'), 'R'),
      /needs a tensor/,
    ],
    ['a million empty dicts', file(new Uint8Array(1e6).fill(0x7d)), /more than 262144 steps/],
    ['a million marks', file(new Uint8Array(1e6).fill(0x28)), /more than 262144 steps/],
    ['a memo of a million', file('N', new Uint8Array(5e6).fill(0x72)), /more than 262144 steps/],
  ];

  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(refusal(() => unpickle(bytes))).toMatch(message);
  });

  const state = file(
    dict(['a', tensor()], ['b', tensor({ type: 'LongStorage' })], ['c', join(']K', 1, 'a')]),
  );

  it('refuses every truncation', () => {
    for (let size = 0; size < state.length; size++) refusal(() => unpickle(state.subarray(0, size)));
  });

  it(
    'refuses mutations or reads them, and does nothing else',
    () => {
      const { accepted, refused } = fuzz(
        [state, file(dict(['a', float(1)], ['b', tuple(int(1), int(2))]))],
        unpickle,
      );
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});
