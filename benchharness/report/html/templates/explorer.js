"use strict";
// Every text of the corpus reaches the page through textContent: it is shown, never run.
(() => {
  const suites = JSON.parse(document.getElementById("data-queries").textContent);
  const pick = (id) => document.getElementById(id);
  const [which, sign, search, count] = ["which", "sign", "search", "count"].map(pick);
  const body = document.querySelector("#explorer tbody");
  const heads = [...document.querySelectorAll("#queries [data-sort]")];
  const choices = suites.flatMap((suite) => suite.tables.map((table) => ({ suite, table })));
  let order = { key: "by", up: true };

  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // A document by its number: its id and a note, and its text unfolds where the page has it.
  const entry = (suite, number, note) => {
    const [id, text] = suite.documents[number];
    const named = make("span");
    named.append(make("bdi", "id", id));
    if (note) named.append(" ", make("span", "ranks", note));
    if (text === undefined) {
      const line = make("div", "bare");
      line.append(named);
      return line;
    }
    const folded = make("details");
    const head = make("summary");
    head.append(named);
    folded.append(head, make("p", "", text));
    return folded;
  };

  const rowOf = (suite, table, row) => {
    const [id, text] = suite.queries[row.query];
    const asked = make("th");
    asked.scope = "row";
    asked.append(make("div", "text", text || ""), make("div", "id", id));
    const value = make("td", "value", row.value);
    if (table.gate !== "") {
      const word = row.by < 0 ? "lost" : "won";
      value.append(" ", make("span", `word ${row.by < 0 ? "bad" : "good"}`, word));
    }
    const relevant = make("td", "relevant");
    row.relevant.forEach(([number, ranks]) => relevant.append(entry(suite, number, ranks)));
    if (row.more) relevant.append(make("div", "bare", `and ${row.more.toLocaleString("en")} more`));
    const instead = make("td", "instead");
    row.instead.forEach((number) => instead.append(entry(suite, number, "")));
    const line = make("tr");
    line.append(asked, value, relevant, instead);
    return line;
  };

  const holds = (suite, row, wanted) => {
    const numbers = [...row.relevant.map(([number]) => number), ...row.instead];
    const entries = [suite.queries[row.query], ...numbers.map((number) => suite.documents[number])];
    return entries.some((texts) => texts.some((text) => text.toLowerCase().includes(wanted)));
  };

  const compare = (suite) => (first, second) => {
    const [a, b] = order.key === "by"
      ? [first.by ?? -Infinity, second.by ?? -Infinity]
      : [first, second].map((row) => suite.queries[row.query].slice(-1)[0]);
    const sides = typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : a > b ? 1 : 0;
    const [one, other] = [first, second].map((row) => suite.queries[row.query][0]);
    return (order.up ? sides : -sides) || (one < other ? -1 : 1);
  };

  const show = () => {
    const { suite, table } = choices[Number(which.value)];
    const isCompared = table.gate !== "";
    sign.disabled = !isCompared;
    const wanted = search.value.trim().toLowerCase();
    const kept = table.rows
      .filter((row) => !isCompared || sign.value === "all" || (row.by < 0) === (sign.value === "lost"))
      .filter((row) => !wanted || holds(suite, row, wanted))
      .sort(compare(suite));
    body.replaceChildren(...kept.map((row) => rowOf(suite, table, row)));
    const more = table.changed > table.rows.length ? ` (${table.changed.toLocaleString("en")} changed in all)` : "";
    count.textContent = `${kept.length} of ${table.rows.length} queries${more}`;
    heads.forEach((head) => {
      const mine = head.dataset.sort === order.key;
      const column = head.closest("th");
      if (column) column.setAttribute("aria-sort", mine ? (order.up ? "ascending" : "descending") : "none");
    });
  };

  choices.forEach(({ suite, table }, place) => {
    const what = table.gate || `worst by ${table.measure}`;
    const option = make("option", "", `${suite.suite} / ${table.model}: ${what}`);
    option.value = String(place);
    which.append(option);
  });
  heads.forEach((head) => head.addEventListener("click", () => {
    const key = head.dataset.sort;
    order = { key, up: order.key === key ? !order.up : true };
    show();
  }));
  [which, sign].forEach((control) => control.addEventListener("change", show));
  search.addEventListener("input", show);
  // On paper everything is open; afterwards only what was open before.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
  // What a reviewer asks first: what a failed comparison lost, then what any comparison did.
  const wanted = [(one) => one.table.failed, (one) => one.table.gate !== "", () => true];
  which.value = String(wanted.map((fits) => choices.findIndex(fits)).find((place) => place >= 0));
  document.querySelector(".controls").hidden = false;
  show();
})();
