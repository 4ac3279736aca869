// What every page needs. A classic script: it runs from disk, too.
"use strict";

// --- Tables that sort and filter -----------------------------------------------------------------
// <table data-table="NAME">      gets a search field, a count of rows, and buttons in its headers;
//                                NAME keeps two tables of a page apart in the address.
//   <th data-key="volume">       what the address calls the column (default: its words)
//   <th data-filter>             gets a list of the column's values
//   <th data-sort="none">        is not sorted by
//   <td data-value="1.25">       what is sorted by (default: its text; numbers sort as numbers)
//   <td data-choice="yes">       what the list of values says of it (default: its text)
// Without script a plain table stays.

document.querySelectorAll("table[data-table]").forEach(setUpTable);

function setUpTable(table) {
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const columns = [...table.tHead.rows[table.tHead.rows.length - 1].cells].map(
    (head, index) => makeColumn(head, index, rows),
  );
  const view = {
    table, rows, columns, prefix: table.dataset.table && `${table.dataset.table}.`,
    texts: new Map(rows.map((row) => [row, normalize(row.textContent)])),
    search: makeElement("input", { type: "search", autocomplete: "off", spellcheck: false }),
    count: makeElement("span", { className: "count" }), sort: null, isDown: false,
  };
  view.count.setAttribute("role", "status");
  (table.closest(".scroll") || table).before(makeTools(view));
  columns.forEach((column) => addSortButton(view, column));
  readAddress(view);
  showRows(view);
  window.addEventListener("hashchange", () => { readAddress(view); showRows(view); });
}

function makeColumn(head, index, rows) {
  const name = head.textContent.trim().replace(/\s+/g, " ");
  return { head, index, name, key: head.dataset.key || name, values: new Map(
    rows.map((row) => [row, readCell(row.cells[index])])), choice: null };
}

function readCell(cell) {
  const text = cell ? cell.textContent.trim() : "";
  const value = cell && cell.dataset.value !== undefined ? cell.dataset.value : text;
  const number = value.trim() === "" ? NaN : Number(value);
  const choice = cell && cell.dataset.choice !== undefined ? cell.dataset.choice : text;
  return { choice, value, number };
}

function makeTools(view) {
  const clear = makeElement("button", { type: "button", textContent: "Clear" });
  clear.addEventListener("click", () => {
    view.search.value = "";
    view.columns.forEach((column) => { if (column.choice) column.choice.value = ""; });
    change(view);
  });
  view.search.addEventListener("input", () => change(view));
  const tools = makeElement("div", { className: "tools" });
  tools.append(label("Search", view.search));
  view.columns.filter((column) => column.head.hasAttribute("data-filter")).forEach((column) => {
    column.choice = makeChoice(column);
    column.choice.addEventListener("change", () => change(view));
    tools.append(label(column.name, column.choice));
  });
  tools.append(clear, view.count);
  return tools;
}

function makeChoice(column) {
  const texts = [...new Set([...column.values.values()].map((value) => value.choice))];
  const choice = makeElement("select", {});
  choice.append(new Option("all", ""));
  texts.sort(compareTexts).forEach((text) => choice.append(new Option(text, text)));
  return choice;
}

function addSortButton(view, column) {
  if (column.head.dataset.sort === "none") return;
  const button = makeElement("button", { type: "button", className: "sort" });
  button.append(...column.head.childNodes);
  button.addEventListener("click", () => {
    view.isDown = view.sort === column && !view.isDown;
    view.sort = column;
    change(view);
  });
  column.head.append(button);
}

function change(view) {
  writeAddress(view);
  showRows(view);
}

function showRows(view) {
  const words = normalize(view.search.value).split(" ").filter(Boolean);
  const chosen = view.columns.filter((column) => column.choice && column.choice.value !== "");
  let nShown = 0;
  view.rows.forEach((row) => {
    const text = view.texts.get(row);
    row.hidden = !(words.every((word) => text.includes(word))
      && chosen.every((column) => column.values.get(row).choice === column.choice.value));
    nShown += row.hidden ? 0 : 1;
  });
  const rows = nShown === 1 && view.rows.length === 1 ? "row" : "rows";
  view.count.textContent = `${nShown} of ${view.rows.length} ${rows}`;
  view.columns.forEach((column) => column.head.removeAttribute("aria-sort"));
  if (view.sort === null) return;
  view.sort.head.setAttribute("aria-sort", view.isDown ? "descending" : "ascending");
  sortRows(view).forEach((row) => row.parentNode.append(row));
}

function sortRows(view) {
  const { values } = view.sort;
  const sign = view.isDown ? -1 : 1;
  return [...view.rows].sort((a, b) => {
    const [left, right] = [values.get(a), values.get(b)];
    const isEmpty = [left, right].map((value) => value.value === "");
    if (isEmpty[0] || isEmpty[1]) return isEmpty[0] - isEmpty[1]; // unknown: last, both ways
    const difference = left.number - right.number;
    return sign * (Number.isNaN(difference) ? compareTexts(left.value, right.value) : difference);
  });
}

// The address keeps what is shown, so that a link or a reload shows it again.
function writeAddress(view) {
  const address = new URLSearchParams(location.hash.slice(1));
  const put = (key, value) => (value ? address.set(view.prefix + key, value)
    : address.delete(view.prefix + key));
  put("q", view.search.value.trim());
  put("sort", view.sort && (view.isDown ? "-" : "") + view.sort.key);
  view.columns.forEach((column) => { if (column.choice) put(column.key, column.choice.value); });
  history.replaceState(null, "", `#${address}`);
}

function readAddress(view) {
  const address = new URLSearchParams(location.hash.slice(1));
  const get = (key) => address.get(view.prefix + key) || "";
  view.search.value = get("q");
  view.isDown = get("sort").startsWith("-");
  const key = get("sort").replace(/^-/, "");
  view.sort = view.columns.find((column) => key && column.key === key) || null;
  view.columns.forEach((column) => {
    if (!column.choice) return;
    const value = get(column.key);
    column.choice.value = [...column.choice.options].some((o) => o.value === value) ? value : "";
  });
}

function label(words, field) {
  const element = makeElement("label", {});
  element.append(`${words} `, field);
  return element;
}

function makeElement(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function normalize(text) {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}

function compareTexts(left, right) {
  return left.localeCompare(right, "en", { numeric: true });
}

// --- Previous and next by the arrow keys ---------------------------------------------------------
// <a rel="prev">, <a rel="next">. Not while typing, and not where the arrows scroll or choose.

document.addEventListener("keydown", (event) => {
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!rel || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, select, textarea, canvas, [contenteditable], .scroll")) return;
  const link = document.querySelector(`a[rel~="${rel}"]`);
  if (link) link.click();
});

// --- Find in groups of rows ----------------------------------------------------------------------
// <div data-find="WHAT" data-find-words="columns">   gets a search field and a live count
//   [data-find-part]           is hidden where nothing in it is found
//   [data-find-group="NAME"]   is found by its name, by its [data-find-about], and by its rows
//     [data-find-row]          is found by its own words and the name of its group
// What is folded opens for what is found in it, and for the address. Without script all is there.

document.querySelectorAll("[data-find]").forEach(setUpFind);

function setUpFind(tools) {
  const groups = [...document.querySelectorAll("[data-find-group]")].map((element) => {
    const name = normalize(element.dataset.findGroup);
    const about = element.querySelector("[data-find-about]");
    const folds = [...element.querySelectorAll("details")];
    return {
      element, folds, wereOpen: folds.map((fold) => fold.open),
      about: `${name} ${normalize(about ? about.textContent : "")}`,
      rows: [...element.querySelectorAll("[data-find-row]")].map((row) => (
        { row, text: `${name} ${normalize(row.textContent)}` })),
    };
  });
  const search = makeElement("input", { type: "search", autocomplete: "off", spellcheck: false });
  const count = makeElement("span", { className: "count" });
  count.setAttribute("role", "status");
  tools.className = "tools";
  tools.append(label(tools.dataset.find, search), count);
  const find = () => {
    count.textContent = findInGroups(groups, normalize(search.value), tools.dataset.findWords);
  };
  search.addEventListener("input", find);
  window.addEventListener("hashchange", () => { search.value = ""; find(); showTarget(); });
  find();
}

function findInGroups(groups, text, words) {
  const parts = text.split(" ").filter(Boolean);
  const holds = (hay) => parts.every((part) => hay.includes(part));
  let [nRows, nGroups, nAll] = [0, 0, 0];
  groups.forEach(({ element, folds, wereOpen, about, rows }) => {
    const isWhole = holds(about);
    let n = 0;
    rows.forEach(({ row, text: hay }) => {
      row.hidden = !isWhole && !holds(hay);
      n += row.hidden ? 0 : 1;
    });
    element.hidden = !isWhole && n === 0;
    folds.forEach((fold, index) => { fold.open = parts.length > 0 && !isWhole ? n > 0 : wereOpen[index]; });
    nRows += n;
    nAll += rows.length;
    nGroups += element.hidden ? 0 : 1;
  });
  document.querySelectorAll("[data-find-part]").forEach((part) => {
    part.hidden = !part.querySelector("[data-find-group]:not([hidden])");
  });
  const counted = (n) => n.toLocaleString("en");
  return `${counted(nRows)} of ${counted(nAll)} ${words}, in ${nGroups} of ${groups.length}`;
}

// What the address names is opened where it is folded.
function showTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  target.scrollIntoView();
}

showTarget();
// Card: what can be copied gets a button for it; a mark of a plot leads to its case.
document.addEventListener("DOMContentLoaded", () => {
  for (const block of document.querySelectorAll("pre.copied")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(block);
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {  // no permission: what is selected can be copied by hand
        button.textContent = "Selected: press Ctrl+C";
      }
    });
    block.before(button);
  }
  for (const plot of document.querySelectorAll(".plot svg")) {
    plot.addEventListener("click", (event) => {
      const mark = event.target.closest("[data-href]");
      if (mark) open(mark.dataset.href, event.ctrlKey || event.metaKey ? "_blank" : "_self");
    });
  }
});
