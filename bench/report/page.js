// Draws the charts in the reader's theme and makes tables sortable. Everything shown
// is in the page's tables as well: without scripts only the drawings are missing.
"use strict";

const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function themed(layout, isDark) {
  const ink = isDark ? "#e6e8eb" : "#1b1e23";
  const grid = isDark ? "#353b44" : "#e1e4e8";
  const result = JSON.parse(JSON.stringify(layout));
  Object.assign(result, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12.5, family: "system-ui, sans-serif" },
    margin: { l: 64, r: 16, t: 28, b: 48 }, autosize: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 1, xanchor: "right" },
    hoverlabel: { namelength: -1 },
  });
  for (const key of Object.keys(result)) {
    if (/^[xy]axis/.test(key)) {
      Object.assign(result[key], {
        gridcolor: grid, linecolor: grid, zerolinecolor: grid, automargin: true,
      });
    }
  }
  return result;
}

// Whiskers must be seen on the bars and on the page behind them.
function whiskered(data, isDark) {
  const color = isDark ? "#f2f3f5" : "#1b1e23";
  return data.map((trace) => trace.error_y
    ? { ...trace, error_y: { ...trace.error_y, color } } : trace);
}

function draw(isDark) {
  for (const [key, chart] of Object.entries(charts)) {
    const place = document.getElementById(key);
    Plotly.react(place, whiskered(chart.data, isDark), themed(chart.layout, isDark),
      { displayModeBar: false, responsive: true });
  }
}

draw(dark.matches);
dark.addEventListener("change", () => draw(dark.matches));
window.addEventListener("beforeprint", () => draw(false));
window.addEventListener("afterprint", () => draw(dark.matches));

function value(cell) {
  return cell.dataset.sort !== undefined ? Number(cell.dataset.sort) : cell.textContent;
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((head, column) => {
    head.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a.cells[column]), y = value(b.cells[column]);
        const order = typeof x === "number" && typeof y === "number"
          ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
        return rising ? order : -order;
      });
      body.append(...rows);
    });
  });
}
