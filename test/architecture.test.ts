// The layers of src: kernels <- engine <- model <- visualization <- analysis <- cli, web. Imports point one way.
// Training stands on the model, beside visualization and analysis: neither knows of the other.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');
const LAYERS = ['kernels', 'engine', 'model', 'visualization', 'analysis'];
/** The page's objects by what is used of them: other things are called documents, too. */
const DOM =
  /\bnavigator\.|\bdocument\.(body|head|title|documentElement|query|create|get|add|cookie|location|active)/;
const TRAINING = ['kernels', 'engine', 'model', 'training'];

interface SourceFile {
  path: string;
  layer: string;
  text: string;
  /** specifiers as written */
  imports: string[];
}

const files: SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s+'([^']+)'/g)].map(([, specifier]) => specifier);
    return { path, layer: path.includes('/') ? path.split('/')[0] : '', text, imports };
  });

/** The layer that a relative import leads to. */
const targetOf = ({ path }: SourceFile, specifier: string): string => {
  const target = relative(SRC, resolve(SRC, dirname(path), specifier));
  return target.includes('/') ? target.split('/')[0] : '';
};

function allowedFor(layer: string): string[] {
  if (layer === 'training') return TRAINING;
  return LAYERS.includes(layer)
    ? LAYERS.slice(0, LAYERS.indexOf(layer) + 1)
    : [...LAYERS, ...TRAINING, layer];
}

test('there is something to check', () => {
  expect(files.length).toBeGreaterThan(40);
  expect(files.some(({ imports }) => imports.length > 3)).toBe(true);
});

describe.each(files.map((file) => [file.path, file] as const))('%s', (_, file) => {
  test('imports only layers below its own', () => {
    const allowed = allowedFor(file.layer);
    const local = file.imports.filter(
      (specifier) => specifier.startsWith('.') && !specifier.endsWith('.json'),
    );
    for (const specifier of local) expect(['', ...allowed], specifier).toContain(targetOf(file, specifier));
  });

  test('uses node: and the DOM only where they exist', () => {
    const usesNode =
      file.imports.some((specifier) => specifier.startsWith('node:')) || /\bprocess\./.test(file.text);
    if (usesNode) expect(file.layer === 'cli' || file.path === 'engine/gpu.node.ts').toBe(true);
    if (DOM.test(file.text)) {
      expect(file.layer === 'web' || file.path === 'engine/gpu.browser.ts').toBe(true);
    }
  });

  test('starts by saying what is here, and stays a room', () => {
    expect(file.text).toMatch(/^\/\/ /);
    expect(file.text.split('\n').length).toBeLessThanOrEqual(300);
  });
});

test('kernels know no device', () => {
  for (const { path, text } of files.filter(({ layer }) => layer === 'kernels'))
    expect(text, path).not.toContain('GPUDevice');
});

test('only the device wrapper makes buffers', () => {
  const makers = files.filter(({ text }) => text.includes('device.createBuffer(')).map(({ path }) => path);
  expect(makers).toEqual(['engine/device.ts']);
});
