// Barriers, read from the text: running cannot show all that are missing, for an adapter that computes the subgroups of
// a workgroup one after the other finds what the first of them has written last, barrier or not. So: between a write of
// workgroup memory and a read of it, and between a read and a write, there must be a barrier, unless an invocation only
// meets what is its own: the element of its own lane.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../src/kernels/', import.meta.url));
const sources = readdirSync(folder)
  .filter((name) => /\.(wgsl|ts)$/.test(name))
  .map((name) => [name, readFileSync(folder + name, 'utf8').replaceAll(/\/\/.*/g, '')] as const)
  .filter(([, source]) => source.includes('var<workgroup>'));

/** A statement with the conditions that it stands under. */
interface Statement {
  text: string;
  conditions: string;
}

/** The statements of a body in an order in which they may run: loops twice, branches as if all were taken. */
function statementsOf(body: string, conditions = ''): Statement[] {
  const found: Statement[] = [];
  let rest = body.trim();
  while (rest) {
    const [head] = rest.match(/^(for\s*\([^{]*|[^;{}]*)[;{]/) ?? [rest];
    if (!head.endsWith('{')) {
      found.push({ text: head, conditions });
      rest = rest.slice(head.length).trim();
      continue;
    }
    const end = closing(rest, head.length - 1);
    const inner = statementsOf(rest.slice(head.length, end), `${conditions} ${head}`);
    found.push({ text: head, conditions }, ...inner, ...(head.startsWith('for') ? inner : []));
    rest = rest.slice(end + 1).trim();
  }
  return found;
}

/** Where the bracket that opens at `start` closes. */
function closing(text: string, start: number): number {
  const [open, close] = text[start] === '{' ? '{}' : '[]';
  for (let at = start, depth = 0; at < text.length; at++) {
    if (text[at] === open) depth++;
    if (text[at] === close && --depth === 0) return at;
  }
  return text.length;
}

interface Access {
  isWrite: boolean;
  isOwn: boolean;
}

function accessesOf({ text, conditions }: Statement, name: string): Access[] {
  return [...text.matchAll(new RegExp(`\\b${name}\\[`, 'g'))].flatMap(({ index, 0: { length } }) => {
    const end = closing(text, index + length - 1);
    const place = text.slice(index + length, end);
    const isOwn = place === 'lane' || (place === '0' && conditions.includes('(lane == 0)'));
    const [, sign] = text.slice(end + 1).match(/^\s*([-+*/]?)=(?!=)/) ?? [];
    if (sign === undefined) return [{ isWrite: false, isOwn }];
    return [{ isWrite: true, isOwn }, ...(sign ? [{ isWrite: false, isOwn }] : [])];
  });
}

/** Statements that meet another invocation's access of the other kind without a barrier in between. */
function hazardsOf(source: string): string[] {
  const names = [...source.matchAll(/var<workgroup> (\w+)/g)].map(([, name]) => name);
  const joined = source.replaceAll(/@compute @workgroup_size\(\w+\)\s*fn/g, '@compute fn');
  const functions = joined.split(/^(?=fn |@compute)/m).slice(1);
  return functions.flatMap((text) => {
    const start = text.indexOf('{');
    const body = text.slice(start + 1, closing(text, start));
    // a function may be called again, so that its end meets its beginning
    const runs = text.startsWith('fn ') ? [...statementsOf(body), ...statementsOf(body)] : statementsOf(body);
    return names.flatMap((name) => hazards(runs, name));
  });
}

function hazards(runs: readonly Statement[], name: string): string[] {
  const found = new Set<string>();
  let open: Access[] = [];
  for (const statement of runs) {
    if (statement.text.includes('workgroupBarrier()')) open = [];
    const accesses = accessesOf(statement, name);
    for (const { isWrite, isOwn } of accesses)
      if (open.some((earlier) => earlier.isWrite !== isWrite && !(earlier.isOwn && isOwn)))
        found.add(statement.text.trim());
    open.push(...accesses);
  }
  return [...found];
}

test('three kernels use workgroup memory', () => {
  expect(sources.map(([name]) => name)).toEqual(['batchNormTraining.wgsl', 'gemmConv.wgsl', 'tick.wgsl']);
});

describe.each(sources)('%s', (_, source) => {
  test('separates what an invocation writes from what others read', () =>
    expect(hazardsOf(source)).toEqual([]));

  const barriers = [...source.matchAll(/workgroupBarrier\(\);/g)];
  test.each(barriers.map(({ index }, i) => [i + 1, index]))(
    'would notice that barrier %d is missing',
    (_, at) => {
      expect(hazardsOf(source.slice(0, at) + source.slice(at + 'workgroupBarrier();'.length))).not.toEqual(
        [],
      );
    },
  );
});
