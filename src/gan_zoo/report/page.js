// Sort by a click on a column's name, filter by words.
"use strict";
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.key ?? cell.textContent;
    const number = Number(text);
    return text === "" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort(([a], [b]) => {
        const missing = a === null || b === null; // these stay last either way
        return missing || !down ? compare(a, b) : compare(b, a);
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "Filter rows";
  search.setAttribute("aria-label", search.placeholder);
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  if (body.rows.length > 6) table.parentElement.before(search);
}

// Enlarge a sample on click or Enter.
const dialog = document.createElement("dialog");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
for (const image of document.querySelectorAll(".sheet img")) {
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  const enlarge = () => {
    const large = new Image();
    large.src = image.src;
    const caption = document.createElement("p");
    caption.textContent = image.title;
    dialog.replaceChildren(large, caption);
    dialog.showModal();
  };
  image.addEventListener("click", enlarge);
  image.addEventListener("keydown", (event) => event.key === "Enter" && enlarge());
}

// Offer each figure as a file. Its content is in the page already.
for (const image of document.querySelectorAll("figure img")) {
  const link = document.createElement("a");
  link.href = image.src;
  link.download = `${image.dataset.name}.svg`;
  link.textContent = "Save as SVG";
  image.nextElementSibling.append(" ", link);
}
