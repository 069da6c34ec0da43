/** What the page looks like: on screens wide and narrow, light and dark, and on paper. */
import { cssVariables, dark, light } from '../drawing/theme.js'

export const pageStyle = `
:root{color-scheme:light dark;${cssVariables(light)}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${cssVariables(dark)}}}
:root[data-theme=dark]{color-scheme:dark;${cssVariables(dark)}}
:root[data-theme=light]{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:var(--gp-paper);color:var(--gp-ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main,header,nav{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px;position:relative}
h1{font-size:26px;line-height:1.2;margin:0 60px 8px 0;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 8px;padding-top:16px;border-top:1px solid var(--gp-faint)}
h3{font-size:16px;margin:30px 0 4px}
p{margin:6px 0 12px;max-width:72ch}
.question{font-size:17px}
.muted,figcaption,.note{color:var(--gp-muted)}
nav{margin-top:14px;display:flex;flex-wrap:wrap;gap:4px 16px}
a{color:var(--gp-c1)}
button{position:absolute;top:26px;right:20px;width:38px;height:34px;font:inherit;color:inherit;background:none;border:1px solid var(--gp-faint);border-radius:6px;cursor:pointer}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:12px 0}
dl.facts dt{color:var(--gp-muted)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0;padding:0;list-style:none}
.key li{border:1px solid var(--gp-faint);border-radius:8px;padding:8px 14px;min-width:140px;flex:1 1 140px}
.key strong{display:block;font-size:20px;line-height:1.3}
.key span{color:var(--gp-muted);font-size:13px}
figure{margin:0 0 8px}
figcaption{font-size:14px;margin:0 0 8px;max-width:80ch}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
figure svg{display:block;overflow:visible}
.wide svg,.narrow svg{max-width:100%;height:auto}
#figure-stage-graph svg{max-width:none}
.narrow{display:none}
@media screen and (max-width:799px){.wide{display:none}.narrow{display:block}}
.gp-point{cursor:default}
.gp-point.on>*:not(title){stroke:var(--gp-ink);stroke-width:2}
svg:focus{outline:none}
svg:focus-visible{outline:2px solid var(--gp-c1);outline-offset:3px}
#tip{position:fixed;z-index:2;max-width:min(340px,calc(100vw - 16px));padding:6px 10px;border-radius:6px;background:var(--gp-ink);color:var(--gp-paper);font-size:13px;line-height:1.4;white-space:pre-line;overflow-wrap:anywhere;pointer-events:none}
#tip[hidden]{display:none}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 8px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--gp-faint)}
th{color:var(--gp-muted);font-weight:600;position:sticky;top:0;background:var(--gp-paper)}
th.l,td.l{text-align:left}
tr.dominated td{color:var(--gp-muted)}
tbody tr:hover td{background:color-mix(in srgb,var(--gp-faint) 35%,transparent)}
.note{font-size:13px}
.long{max-height:70vh;overflow:auto}
details{margin:4px 0}
summary{cursor:pointer;overflow-wrap:anywhere}
pre{overflow-x:auto;font-size:12.5px;line-height:1.45;padding:10px;border:1px solid var(--gp-faint);border-radius:6px;margin:6px 0 12px}
code{font-size:.92em}
footer{max-width:1120px;margin:40px auto;padding:0 20px;color:var(--gp-muted);font-size:13px}
@media print{
:root,:root[data-theme=dark]{color-scheme:light;${cssVariables(light)}}
body{font-size:11px}
button,nav,#tip{display:none!important}
main,header,nav,footer{max-width:none;padding:0}
.long{max-height:none;overflow:visible}
.scroll{overflow:visible}
#figure-stage-graph svg{max-width:100%}
table{font-size:9.5px}
th{position:static}
th,td{padding:2px 5px}
figure,tr,.key li{break-inside:avoid}
h2,h3{break-after:avoid}
pre{white-space:pre-wrap}
}
@page{margin:14mm}
`
