/** The page's style: colours that are told apart in both schemes, ours strong and plain pale. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --paper: #fbfbf9; --ink: #1d2126; --soft: #667080; --rule: #dfe2e6;
  --cluster: #1f6feb; --redis: #d1442f; --plain-cluster: #a9c4ee; --plain-redis: #eab3aa;
  --against-cluster: #7a5bd6; --against-redis: #c98a1b; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e7e9ec; --soft: #98a2b0; --rule: #2c323a;
  --cluster: #58a6ff; --redis: #ff7b66; --plain-cluster: #34506f; --plain-redis: #6d403a;
  --against-cluster: #a58bff; --against-redis: #e0b050; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 28px; }
h2 { margin: 40px 0 12px; font-size: 20px; border-top: 1px solid var(--rule); padding-top: 20px; }
header p, .small, figcaption { color: var(--soft); }
.small, figcaption, pre { font-size: 13px; }
.key { display: flex; flex-wrap: wrap; gap: 6px 20px; list-style: none; padding: 0; margin: 12px 0 0; }
.key i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 2px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 20px 28px; }
figure { margin: 0; min-width: 0; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .label { text-anchor: end; fill: var(--soft); }
svg .tick { text-anchor: middle; fill: var(--soft); }
svg .ratio { font-weight: 600; }
svg .spread { stroke: var(--ink); stroke-width: 1.5; }
svg .grid { stroke: var(--rule); }
svg .curve { fill: none; stroke-width: 2; }
pre { overflow-x: auto; padding: 12px; border: 1px solid var(--rule); border-radius: 4px; line-height: 1.4; }
${['cluster', 'redis', 'plain-cluster', 'plain-redis', 'against-cluster', 'against-redis']
  .map(
    (mode) =>
      `rect.${mode} { fill: var(--${mode}); } .curve.${mode} { stroke: var(--${mode}); } i.${mode} { background: var(--${mode}); }`,
  )
  .join('\n')}
`;
