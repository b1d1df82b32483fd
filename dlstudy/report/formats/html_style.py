"""The style of a page: light and dark, on a desk, a phone and paper."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1a1c1e; --soft: #575c63; --faint: #dfe2e6; --paper: #fff; --panel: #f6f7f9;
  --warn: #fff4d6; --link: #005a8c; --good: #00694a; --bad: #a33c00; --open: #4a4f55; --rope: #dfe2e6 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a9aeb5; --faint: #383c42; --paper: #16181c;
  --panel: #1f2227; --warn: #3a3112; --link: #7cc4f2; --good: #4fc99f; --bad: #ff9d66; --open: #c4c7cc;
  --rope: #3d4249 } }
* { box-sizing: border-box }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem;
  margin: 2rem auto 4rem; padding: 0 1rem; overflow-wrap: break-word }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .2rem 0 1rem; letter-spacing: -.01em; text-wrap: balance }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; line-height: 1.3 }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem }
.name { color: var(--soft); font-size: .85rem; margin: 0 }
.answer { font-size: 1.2rem; line-height: 1.4; margin: 0 0 .5rem; max-width: 54rem }
.scope, .reading, figcaption { color: var(--soft); font-size: .85rem; max-width: 54rem }
.scope { margin-top: 0 }
.note { background: var(--warn); padding: .4rem .8rem; margin: .4rem 0; border-radius: .3rem; font-size: .85rem }
a { color: var(--link) }
.claims { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: .8rem;
  margin: 1.2rem 0 .6rem }
.claim { background: var(--panel); border-radius: .5rem; border-top: 3px solid; padding: .7rem .9rem .6rem;
  border-color: var(--open); display: grid; grid-template-rows: subgrid; grid-row: span 4; gap: .2rem }
.claim.good { border-color: var(--good) } .claim.bad { border-color: var(--bad) }
.claim h2 { font-size: 1rem; font-weight: 500; margin: 0; line-height: 1.35 }
.claim p { margin: 0; font-size: .85rem } .claim p + p { color: var(--soft); margin-top: .25rem }
.claim .verdict { font-weight: 700 }
.claim svg { width: 100%; margin: .2rem 0; display: block }
.rope { fill: var(--rope) } .axis { stroke: var(--soft); stroke-width: 1 } .tick { fill: var(--soft) }
.mean { stroke: var(--panel) } svg .good { fill: var(--good); stroke: var(--good) }
svg .bad { fill: var(--bad); stroke: var(--bad) } svg .open { fill: var(--open); stroke: var(--open) }
details { border-top: 1px solid var(--faint) } details + details { margin-top: 0 }
details:last-of-type { border-bottom: 1px solid var(--faint) }
summary { cursor: pointer; padding: .55rem 0 } summary h2 { display: inline; font-size: 1rem; margin: 0 }
details[open] { padding-bottom: 1.2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.4; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--faint) }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom }
tbody th { font-weight: 600; min-width: 5rem; max-width: 22rem } td { max-width: 30rem }
.long { overflow-wrap: anywhere } .short { white-space: nowrap }
figure { margin: 1rem 0; overflow-x: auto } figure.small { display: inline-block; vertical-align: top; width: 20rem;
  max-width: 100%; margin: 0 1rem 1rem 0 }
img { max-width: 100%; height: auto; display: block } .small img { background: #fff }
.good { color: var(--good) } .bad { color: var(--bad) } .open { color: var(--open) }
article.good, article.bad, article.open { color: inherit }
pre { background: var(--panel); padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap; border-radius: .3rem }
@media screen and (max-width: 640px) {
  body { margin-top: 1rem } h1 { font-size: 1.4rem; margin-bottom: .6rem } .answer { font-size: 1.05rem }
  figure:not(.small) img { min-width: 30rem }
  .cards table, .cards tbody, .cards tr, .cards th, .cards td { display: block; max-width: none }
  .cards thead { position: absolute; left: -9999px }
  .cards tr { border-bottom: 2px solid var(--soft); padding: .5rem 0 }
  .cards th, .cards td { border: 0; padding: .1rem 0 }
  .cards td { display: grid; grid-template-columns: 7.5rem 1fr; gap: .6rem }
  .cards td::before { content: attr(data-head); color: var(--soft); white-space: normal }
  .cards td.none { display: none }
}
@media print {
  @page { size: A4; margin: 14mm }
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt }
  details::details-content { content-visibility: visible; height: auto } summary { list-style: none }
  .wide { overflow: visible }
  table { font-size: 7pt; width: 100% } th, td { padding-right: .5rem }
  tbody th { min-width: 3rem } thead { display: table-header-group }
  .reading, figcaption { font-size: 7.5pt }
  tr, figure, .note, .claim, pre { break-inside: avoid } h2, h3 { break-after: avoid }
  pre { border: 1px solid #ccc }
}
"""
