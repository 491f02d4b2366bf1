// Making elements: h("a", { href }, "text"). Text is always text, never markup.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// A table that scrolls by itself: columns are [title, class], rows lists of cells.
export function table(columns, rows, caption) {
  const cell = (tag, content, style) => h(tag, style ? { class: style } : {}, content);
  const line = (cells) => h("tr", {}, cells.map((content, at) => cell("td", content, columns[at][1])));
  const head = h("tr", {}, columns.map(([title, style]) => cell("th", title, style)));
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("thead", {}, head), h("tbody", {}, rows.map(line))),
  );
}

// Bytes in a box that scrolls by itself, however many they are.
export const bytes = (hex, caption) =>
  h("div", { class: "bytes", tabindex: "0", role: "region", "aria-label": caption }, h("code", {}, hex));

// Names and values, those without a value left out.
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
