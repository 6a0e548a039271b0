"use strict";
// Sorting of tables by their heads, and the index's search and list of orders. Everything else works without a script.
const value = (head, row) => {
  const cell = row.cells[head.cellIndex];
  return head.dataset.kind === "number" ? Number(cell.dataset.value) : cell.textContent.trim().toLowerCase();
};

const sort = (table, column, direction) => {
  const heads = [...table.tHead.rows[0].cells], head = heads[column];
  const compare = (a, b) => head.dataset.kind === "number" ? a - b : a.localeCompare(b);
  const keyed = [...table.tBodies[0].rows].map(row => [value(head, row), row]);
  keyed.sort(([a, one], [b, other]) => (a === b ? 0 : direction * compare(a, b)) || one.dataset.place - other.dataset.place);
  table.tBodies[0].append(...keyed.map(([, row]) => row));
  heads.forEach(own => own === head ? own.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending") : own.removeAttribute("aria-sort"));
};

for (const table of document.querySelectorAll("table.sortable")) {
  const order = document.getElementById(table.dataset.order ?? "");
  [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.place ??= place; });
  const sorted = (column, direction) => {
    sort(table, column, direction);
    if (order) order.value = `${column} ${direction}`;
  };
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      const now = { ascending: 1, descending: -1 }[head.getAttribute("aria-sort")];
      sorted(head.cellIndex, now ? -now : head.dataset.kind === "number" ? -1 : 1);
    });
  }
  order?.addEventListener("change", () => sorted(...order.value.split(" ").map(Number)));
}

const find = document.getElementById("find");
if (find) {
  const rows = [...document.getElementById("concepts").tBodies[0].rows], shown = document.getElementById("shown");
  const search = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.hidden = !words.every(word => row.dataset.text.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} concepts`;
  };
  find.addEventListener("input", search);
  search();
}
for (const button of document.querySelectorAll(".print")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details:not(.long)").forEach(part => { part.dataset.was = part.open; part.open = true; }));
window.addEventListener("afterprint", () => document.querySelectorAll("details:not(.long)").forEach(part => { part.open = part.dataset.was === "true"; }));
