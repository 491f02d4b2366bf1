// Shows the shelf: the page and this script may come from an edge, the catalogue never.
async function show() {
  const state = document.getElementById("state");
  try {
    const response = await fetch("/api/catalogue");
    if (!response.ok) throw new Error(`the shop answered ${response.status}`);
    const shelf = await response.json();
    const rows = document.querySelector("tbody");
    for (const sku of shelf.skus) {
      const { shape, size, scent } = sku.design;
      const row = rows.insertRow();
      const cells = [shelf.shapes[shape], shelf.sizes[size], shelf.scents[scent], sku.price, sku.stock];
      for (const text of cells) row.insertCell().textContent = text;
    }
    document.querySelector("table").hidden = false;
    state.textContent = shelf.paused ? "The shop takes no orders at the moment." : "";
  } catch (error) {
    state.textContent = `The shelf cannot be shown: ${error.message}`;
  }
}
show();
