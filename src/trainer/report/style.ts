/** How the report looks: light, dark, and on paper. */
export const style = `:root{color-scheme:light dark;--ink:#1d2530;--soft:#5b6675;--rule:#dde2e8;--page:#fff;--a:#7fb0de;--b:#1b5e9e;--c:#b3541e;--d:#2c7a57}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#a3aebb;--rule:#39424e;--page:#14181d;--a:#4d7ba6;--b:#8ec4f7;--c:#f0a268;--d:#7fcfa8}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--rule:#ccc;--page:#fff;--a:#7fb0de;--b:#1b5e9e;--c:#b3541e;--d:#2c7a57}figure,section{break-inside:avoid}}
body{font:16px/1.5 system-ui,sans-serif;max-width:800px;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--page)}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2rem 0 .5rem}.lead,.unit{color:var(--soft)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--rule);vertical-align:top;overflow-wrap:anywhere}
thead th{color:var(--soft)}.numbers td,.numbers th{text-align:right;font-variant-numeric:tabular-nums}.scroll{overflow-x:auto}
figure{margin:1.5rem 0}figcaption{margin-bottom:.3rem}figure svg{width:100%;height:auto}figure text{font-size:12px;fill:var(--soft)}
.grid{stroke:var(--rule)}.axis{stroke:var(--soft)}polyline{fill:none;stroke:currentColor;stroke-width:2}circle{fill:currentColor}
.series-0{color:var(--a)}.series-1{color:var(--b)}.series-2{color:var(--c)}.series-3{color:var(--d)}figure.plain .series-0{color:var(--b)}
.key{color:var(--soft);margin-left:.8rem;white-space:nowrap}figure .symbol{width:22px;height:12px}
dt{font-weight:600;margin-top:.5rem}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}blockquote{margin:0;white-space:pre-wrap;font-weight:600}
section.sample{border-left:3px solid var(--rule);padding-left:1rem;margin:1rem 0}summary{cursor:pointer;font-weight:600;margin:.5rem 0}`
