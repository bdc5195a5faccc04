// The colours of the page as WCAG 2.1 measures them: 4.5 for words and controls (1.4.3), 3 for marks (1.4.11).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const css = readFileSync(join(import.meta.dirname, '../../src/web/style.css'), 'utf8');

/** A rule's declaration, as the file has it; custom properties are followed to their colour. */
function colour(selector: string, property: string): string {
  const escaped = selector.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const body = new RegExp(`(?:^|[},]\\s*|\\n)${escaped}[^{}]*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  const value = new RegExp(`(?:^|[\\s;{])${property}:[^;]*?(#[0-9a-f]{3,6}|white|var\\((--[\\w-]+)\\))`).exec(
    body,
  );
  if (!value) throw new Error(`style.css: no ${property} in ${selector}`);
  return value[2] ? colour(':root', value[2]) : value[1] === 'white' ? '#ffffff' : value[1];
}

/** Relative luminance, 0 to 1. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

test('the measure itself', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 10);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.478, 3);
  expect(() => colour('.none', 'color')).toThrow('.none');
});

const white = '#ffffff';
const page = () => colour('body', 'background');

test.each<[string, () => [string, string]]>([
  ['words on a panel', () => [colour('body', 'color'), white]],
  ['words on the page', () => [colour('body', 'color'), page()]],
  ['notes on a panel', () => [colour('.note', 'color'), white]],
  ['the status', () => [colour('#status', 'color'), white]],
  ['labels', () => [colour('label', 'color'), white]],
  ['words of plots', () => [colour('svg text', 'fill'), white]],
  ['controls', () => [colour('input,\nselect,\nbutton', 'color'), white]],
  ['buttons', () => [colour('body', 'color'), colour('button', 'background')]],
  [
    'controls at rest',
    () => [colour('button:disabled,\ninput:disabled', 'color'), colour('button', 'background')],
  ],
  ['Start', () => [colour('button#start:enabled', 'color'), colour('button#start:enabled', 'background')]],
  ['errors', () => [colour('body', 'color'), colour('#error', 'background')]],
  ['own responses', () => [colour('body', 'color'), colour('td.own', 'background')]],
])('%s reach 4.5', (_, pair) => {
  expect(contrast(...pair())).toBeGreaterThanOrEqual(4.5);
});

test.each<[string, () => [string, string]]>([
  ['channels that overwrite', () => [colour(':root', '--overwrite'), white]],
  ['channels that skip', () => [colour(':root', '--skip'), white]],
  ['other channels', () => [colour(':root', '--neither'), white]],
  ['curves', () => [colour('.curve', 'stroke'), white]],
  ['the ring', () => [colour('.ring', 'stroke'), white]],
  ['axes', () => [colour('.axes line', 'stroke'), white]],
  ['borders of controls', () => [colour('input,\nselect,\nbutton', 'border'), white]],
  ['bars', () => [colour('.bar', 'fill'), white]],
  ['the chosen bar beside others', () => [colour('.bar.chosen', 'fill'), colour('.bar', 'fill')]],
  ['focus on a panel', () => [colour(':focus-visible', 'outline'), white]],
  ['focus on the page', () => [colour(':focus-visible', 'outline'), page()]],
  ['the border of an error', () => [colour('#error', 'border'), page()]],
])('%s reach 3', (_, pair) => {
  expect(contrast(...pair())).toBeGreaterThanOrEqual(3);
});
