#include "eval/report/page.h"

namespace legrad::eval {

const char* const kPageStyle = R"css(:root {
  color-scheme: light dark; --ink: #1c2026; --paper: #fff; --soft: #5b6470; --line: #d8dde3; --bar: #2b6cb0;
  --control: #9aa4b0; --warn: #8a4b00; --warn-paper: #fff4e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ee; --paper: #14171b; --soft: #a2abb6; --line: #353c45; --bar: #7fb3ec; --control: #6b7581;
    --warn: #ffd08a; --warn-paper: #33270f;
  }
}
* { box-sizing: border-box; }
body {
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 72rem; padding: 1.5rem;
}
h1 { font-size: 1.9rem; margin: 0 0 .25rem; }
h2 { margin: 2.5rem 0 .25rem; font-size: 1.3rem; }
p, .soft { color: var(--soft); max-width: 60rem; }
nav ul { padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .25rem .9rem; }
a { color: var(--bar); }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td {
  text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle;
}
td.number { text-align: right; white-space: nowrap; }
th button {
  font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
}
th[aria-sort=ascending] button::after { content: " \25b2"; }
th[aria-sort=descending] button::after { content: " \25bc"; }
tr.control td, tr.control th { color: var(--soft); font-style: italic; font-weight: 400; }
.warn { color: var(--warn); background: var(--warn-paper); padding: .5rem .75rem; border-radius: .3rem; }
svg.bar { width: 100%; min-width: 9rem; height: 1.1rem; display: block; }
svg.bar rect { fill: var(--bar); opacity: .75; }
tr.control svg.bar rect { fill: var(--control); }
svg.bar line { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.scroll { overflow-x: auto; }
svg.curves { width: 100%; max-width: 40rem; }
svg.curves text { fill: var(--soft); font-size: 11px; }
svg.curves polyline { fill: none; stroke-width: 2; }
svg.curves line { stroke: var(--line); }
.gallery {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: .75rem 0 2rem;
}
table.strips img { width: 5rem; border: 3px solid transparent; display: block; }
table.strips img.holds { border-color: var(--bar); }
table.strips td { padding: 1px; }
.gallery figure { margin: 0; }
.gallery figcaption { font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
.stack { position: relative; aspect-ratio: 1; background: #0002; }
.stack img {
  position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; image-rendering: auto;
}
.stack img + img { opacity: var(--heat, .8); }
.tools {
  position: sticky; top: 0; background: var(--paper); padding: .5rem 0; border-bottom: 1px solid var(--line);
  display: flex; gap: 1.5rem; flex-wrap: wrap; z-index: 1;
}
.tools label { display: flex; gap: .5rem; align-items: center; }
pre { overflow-x: auto; background: #8881; padding: .75rem; border-radius: .3rem; font-size: .85rem; }
:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
)css";

const char* const kPageScript = R"js(
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") !== "descending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        const [p, q] = [parseFloat(x), parseFloat(y)];
        const numbers = !Number.isNaN(p) && !Number.isNaN(q);
        const ascending = numbers ? p - q : x.localeCompare(y);
        return falls ? -ascending : ascending;
      };
      [...table.tBodies[0].rows].sort(order).forEach(row => table.tBodies[0].append(row));
    });
  });
}
const opacity = document.getElementById("opacity");
if (opacity) opacity.addEventListener("input", () => {
  document.documentElement.style.setProperty("--heat", opacity.value / 100);
  opacity.setAttribute("aria-valuetext", opacity.value + " percent");
});
const layer = document.getElementById("layer");
if (layer) {
  const show = () => {
    document.getElementById("layer-name").textContent = "block " + layer.value;
    layer.setAttribute("aria-valuetext", "block " + layer.value);
    for (const image of document.querySelectorAll("img[data-layer]")) {
      image.hidden = image.dataset.layer !== layer.value;
    }
  };
  layer.addEventListener("input", show);
  show();
}
document.documentElement.dataset.ready = document.querySelectorAll("table.sortable").length;
)js";

}  // namespace legrad::eval
