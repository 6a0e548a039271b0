"use strict";
// The index: search and sorting. Everything else works without a script.
const table = document.getElementById("concepts");
if (table) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const find = document.getElementById("find"), shown = document.getElementById("shown"), order = document.getElementById("order");

  const search = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.hidden = !words.every(word => row.dataset.text.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} concepts`;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return heads[column].dataset.kind === "number" ? Number(cell.dataset.value) : cell.textContent.trim().toLowerCase();
  };

  const sort = (column, direction) => {
    const numbers = heads[column].dataset.kind === "number";
    const compare = (a, b) => numbers ? value(a, column) - value(b, column) : value(a, column).localeCompare(value(b, column));
    rows.sort((a, b) => direction * compare(a, b) || a.dataset.place - b.dataset.place);
    body.append(...rows);
    heads.forEach((head, place) => place === column ? head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort"));
    order.value = `${column} ${direction}`;
  };

  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const first = head.dataset.kind === "number" ? -1 : 1;
    const now = { ascending: 1, descending: -1 }[head.getAttribute("aria-sort")];
    sort(column, now ? -now : first);
  }));
  order.addEventListener("change", () => sort(...order.value.split(" ").map(Number)));
  find.addEventListener("input", search);
  search();
}
for (const button of document.querySelectorAll(".print")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.dataset.was = part.open; part.open = true; }));
window.addEventListener("afterprint", () => document.querySelectorAll("details").forEach(part => { part.open = part.dataset.was === "true"; }));
