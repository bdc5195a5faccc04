// The look of the report: one column, system fonts, light, printable.

import { Html } from './html.ts';

export const STYLE = new Html(`
:root { --ink: #222; --soft: #666; --line: #ddd; --wash: #f7f7f5; --good: #2c6e49; --bad: #a63d2f; --link: #2f6ea5; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 36px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 22px; margin: 48px 0 12px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; margin: 28px 0 6px; }
p, li { max-width: 78ch; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 18px 0 0; }
figure { margin: 26px 0 40px; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); max-width: 78ch; font-size: 15px; margin-top: 8px; }
.source { color: var(--soft); font-weight: normal; font-size: 14px; margin-left: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); }
td:nth-child(-n+2) { white-space: nowrap; }
th { font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr:target { background: #fff3c4; }
.agrees { color: var(--good); font-weight: 600; white-space: nowrap; }
.differs { color: var(--bad); font-weight: 600; white-space: nowrap; }
.open { color: var(--soft); white-space: nowrap; }
.grids { display: flex; flex-wrap: wrap; gap: 22px; }
.grids figure { margin: 0; width: 272px; }
.picture { display: block; border: 1px solid var(--line); background-size: cover; background-position: center; }
.grids figcaption { font-size: 13px; }
.facts { display: flex; flex-wrap: wrap; gap: 14px; margin: 16px 0; padding: 0; list-style: none; }
.facts li { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 10px 16px; }
.facts b { display: block; font-size: 20px; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 12px 16px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
summary { cursor: pointer; font-weight: 600; padding: 6px 0; }
footer { color: var(--soft); font-size: 14px; margin-top: 60px; padding-bottom: 40px; }
@media print { nav { display: none; } }
`);
