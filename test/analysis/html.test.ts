import { expect, test } from 'vitest';
import { Html, html } from '../../src/analysis/html.ts';

test('text is escaped, in attributes too; Html and lists are not', () => {
  const name = `<b>"A" & 'B'</b>`;
  expect(html`<p title="${name}">${name}</p>`.text).toBe(
    '<p title="&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;">&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;</p>',
  );
  expect(html`${new Html('<i>')}${[1, html`<u>${2}</u>`, '<']}${undefined}${false}${0}`.text).toBe(
    '<i>1<u>2</u>&lt;0',
  );
});
