// The console: a query to the server, its rows into a table. What a cell holds stays text.
const byId = (id) => document.getElementById(id);
const [form, sql, answer] = ["ask", "sql", "answer"].map(byId);
let running = null;

form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
sql.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});
byId("stop").addEventListener("click", () => running?.abort());
byId("csv").addEventListener("click", save);
document.querySelectorAll("[data-sql]").forEach((button) => button.addEventListener("click", () => {
  sql.value = button.dataset.sql;
  sql.focus();
  run();
}));

async function run() {
  const started = performance.now();
  const response = await ask("rows");
  answer.hidden = !response; // an old answer is none to a wrong query
  if (!response) return;
  const { columns, rows, hidden } = await response.json();
  show(columns, rows);
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const rest = hidden && `, ${hidden} more are hidden: CSV has them`;
  byId("status").textContent = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "row" : "rows"}${rest} (${seconds} s).`;
}

async function save() {
  const response = await ask("csv");
  if (!response) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = "answer.csv";
  link.click();
  URL.revokeObjectURL(link.href);
  byId("status").textContent = "Saved as answer.csv.";
}

// Return the server's answer to the query; null where there is none, which is said.
async function ask(shape) {
  running?.abort();
  const asked = running = new AbortController();
  tell("Running ...", "");
  byId("stop").disabled = false;
  try {
    const query = { sql: sql.value, form: shape };
    let response = await send({ ...query, wait: false }, asked.signal);
    if (response.status === 202) { // the server has another one to do
      tell("Another query is running. This one runs when that has ended ...", "");
      response = await send(query, asked.signal);
    }
    if (response.ok) return response;
    tell("", (await response.text()).trim());
  } catch (error) {
    if (asked === running) tell("", error.name === "AbortError" ? "Stopped." : "The server does not answer. Run `ispy1 serve`.");
  } finally {
    if (asked === running) byId("stop").disabled = true;
  }
  return null;
}

function send(query, signal) {
  const headers = { "Content-Type": "application/json" };
  return fetch("/query", { method: "POST", signal, headers, body: JSON.stringify(query) });
}

function tell(status, error) {
  byId("status").textContent = status;
  byId("error").textContent = error;
}

function show(columns, rows) {
  const [head, body] = ["thead", "tbody"].map((name) => answer.querySelector(name));
  head.replaceChildren(makeRow(columns.map(({ name, is_number }) => makeCell("th", name, is_number))));
  body.replaceChildren(...rows.map((row) => makeRow(
    row.map((text, i) => makeCell("td", text, columns[i].is_number)))));
  answer.querySelector("table").classList.toggle("plan", columns[0]?.name === "explain_key");
  answer.hidden = false;
}

function makeRow(cells) {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}

function makeCell(tag, text, isNumber) {
  const cell = document.createElement(tag);
  if (tag === "th") cell.scope = "col";
  cell.textContent = text ?? "null";
  cell.classList.toggle("null", text === null);
  cell.classList.toggle("num", isNumber);
  return cell;
}
