// Reads the pickle inside a .pth file as data: a small stack machine with a fixed list of opcodes and of globals,
// those that torch 1.6 to 2.x writes for a state_dict or a plain checkpoint. Nothing is imported, looked up or called:
// a global is a name in a table here, and anything else is refused by that name.
// One limit, STEPS, bounds the stack, the memo and the nesting alike; the machine never recurses.
// Opcodes: CPython's Lib/pickletools.py (protocol 2). Globals: torch/_utils.py, torch/_weights_only_unpickler.py.

import { StreamscopeError } from '../error.ts';
import { decodeUtf8, showName } from './elements.ts';
import { callGlobal, findGlobal, isKind, makeStorage, type PickleValue } from './pickleValues.ts';

const STEPS = 2 ** 18;
const LINE_LIMIT = 256;

function bad(message: string, hint?: string): StreamscopeError {
  return new StreamscopeError('badInput', `pickle: ${message}`, hint);
}

/**
 * The value that a pickle of protocol 2 describes.
 * @throws StreamscopeError badInput for any opcode, global or argument outside the fixed lists.
 */
export function unpickle(bytes: Uint8Array): PickleValue {
  const machine = new Machine(bytes);
  for (let step = 0; step < STEPS; step++) {
    const code = machine.view.getUint8(machine.take(1));
    if (code === STOP) return machine.finish();
    const run = OPCODES.get(code);
    if (!run)
      throw bad(`opcode ${opcodeName(code)} at byte ${machine.at - 1} is not allowed in a weights file.`);
    run(machine);
  }
  throw bad(`more than ${STEPS} steps.`);
}

class Machine {
  readonly view: DataView;
  readonly memo = new Map<number, PickleValue>();
  at = 0;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves past `count` bytes and returns where they begin. */
  take(count: number): number {
    const begin = this.at;
    if (count > this.bytes.length - begin)
      throw bad(`cut short at byte ${begin}: ${count} more bytes expected.`);
    this.at += count;
    return begin;
  }

  text(length: number): string {
    const begin = this.take(length);
    const text = decodeUtf8(this.bytes.subarray(begin, begin + length));
    if (text === undefined) throw bad(`the text at byte ${begin} is not valid UTF-8.`);
    return text;
  }

  line(): string {
    const length = this.bytes.subarray(this.at, this.at + LINE_LIMIT).indexOf(0x0a);
    if (length < 0) throw bad(`the name at byte ${this.at} does not end.`);
    const text = this.text(length);
    this.take(1);
    return text;
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      throw bad(`nothing on the stack at byte ${this.at - 1}.`);
    return this.stack.pop() as PickleValue;
  }

  top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): PickleValue[] {
    const begin = this.marks.pop();
    if (begin === undefined) throw bad(`no mark on the stack at byte ${this.at - 1}.`);
    return this.stack.splice(begin);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw bad(`memo ${index} is used before it is set.`);
    this.push(value);
  }

  finish(): PickleValue {
    const value = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) throw bad('values are left on the stack at the end.');
    if (this.at !== this.bytes.length) throw bad(`${this.bytes.length - this.at} bytes follow the end.`);
    return value;
  }
}

const STOP = 0x2e;

const OPCODES = new Map<number, (machine: Machine) => void>([
  [0x80, protocol],
  [0x63, (m) => m.push(findGlobal(`${m.line()}.${m.line()}`))], // GLOBAL
  [0x51, (m) => m.push(makeStorage(m.pop()))], // BINPERSID
  [0x52, reduce], // REDUCE
  [0x62, build], // BUILD
  [0x71, (m) => m.remember(m.view.getUint8(m.take(1)))], // BINPUT
  [0x72, (m) => m.remember(m.view.getUint32(m.take(4), true))], // LONG_BINPUT
  [0x68, (m) => m.recall(m.view.getUint8(m.take(1)))], // BINGET
  [0x6a, (m) => m.recall(m.view.getUint32(m.take(4), true))], // LONG_BINGET
  [0x28, (m) => m.mark()], // MARK
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x85, (m) => m.push(m.popMany(1))], // TUPLE1
  [0x86, (m) => m.push(m.popMany(2))], // TUPLE2
  [0x87, (m) => m.push(m.popMany(3))], // TUPLE3
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x5d, (m) => m.push({ kind: 'list', items: [] })], // EMPTY_LIST
  [0x61, (m) => append(m, m.popMany(1))], // APPEND
  [0x65, (m) => append(m, m.popToMark())], // APPENDS
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => setItems(m, m.popMany(2))], // SETITEM
  [0x75, (m) => setItems(m, m.popToMark())], // SETITEMS
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.view.getInt32(m.take(4), true))], // BININT
  [0x4b, (m) => m.push(m.view.getUint8(m.take(1)))], // BININT1
  [0x4d, (m) => m.push(m.view.getUint16(m.take(2), true))], // BININT2
  [0x8a, (m) => m.push(readLong(m))], // LONG1
  [0x47, (m) => m.push(m.view.getFloat64(m.take(8), false))], // BINFLOAT
  [0x58, (m) => m.push(m.text(m.view.getUint32(m.take(4), true)))], // BINUNICODE
]);

/** Opcodes worth a name in a message: those that reach for code, and those of other protocols. */
const REFUSED_NAMES = new Map([
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [0x81, 'NEWOBJ'],
  [0x92, 'NEWOBJ_EX'],
  [0x93, 'STACK_GLOBAL'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x50, 'PERSID'],
  [0x8b, 'LONG4'],
  [0x55, 'SHORT_BINSTRING'],
  [0x95, 'FRAME'],
  [0x94, 'MEMOIZE'],
]);

function opcodeName(code: number): string {
  return REFUSED_NAMES.get(code) ?? `0x${code.toString(16).padStart(2, '0')}`;
}

function protocol(m: Machine): void {
  const version = m.view.getUint8(m.take(1));
  if (version !== 2)
    throw bad(`protocol ${version}, expected 2.`, 'Save again with torch.save(..., pickle_protocol=2).');
}

function reduce(m: Machine): void {
  const args = m.pop();
  m.push(callGlobal(m.pop(), args));
}

/** torch keeps version notes (`_metadata`) as attributes of the state_dict; they are dropped. */
function build(m: Machine): void {
  const state = m.pop();
  if (!(state instanceof Map && m.top() instanceof Map)) throw bad('BUILD sets attributes of a dict only.');
}

function append(m: Machine, items: readonly PickleValue[]): void {
  const list = m.top();
  if (!isKind(list, 'list')) throw bad('APPEND on something that is not a list.');
  for (const item of items) list.items.push(item);
}

function setItems(m: Machine, items: readonly PickleValue[]): void {
  const dict = m.top();
  if (!(dict instanceof Map)) throw bad('SETITEM on something that is not a dict.');
  if (items.length % 2) throw bad('SETITEMS with a key that has no value.');
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (typeof key !== 'string' && typeof key !== 'number')
      throw bad('a dict key is neither text nor a number.');
    if (dict.has(key)) throw bad(`key ${showName(String(key))} is given twice.`);
    dict.set(key, items[i + 1]);
  }
}

function readLong(m: Machine): number {
  const length = m.view.getUint8(m.take(1));
  const begin = m.take(length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(m.view.getUint8(begin + i));
  const number = Number(BigInt.asIntN(8 * length, value));
  if (!Number.isSafeInteger(number)) throw bad(`an integer at byte ${begin} is beyond 2^53.`);
  return number;
}
