// The rules that the page needs to know which buttons to show. The contract and the web
// API decide; a test holds this table to shop_contract/rules.

export default {
  statuses: [
    "placed",
    "paid",
    "moulding",
    "shipped",
    "delivered",
    "cancelled",
    "refunded",
    "expired",
  ],
  final: ["delivered", "cancelled", "refunded", "expired"],
  windows_s: { paid: 604800, moulding: 1209600, shipped: 2592000 },
  claim_window_s: 2592000,
  max_quantity: 1000,
  max_stock: 4294967295,
  max_changes: 64,
  actions: {
    pay: { sources: ["placed"], parties: { buyer: "by_deadline" } },
    cancel: { sources: ["placed", "paid"], parties: { buyer: "any_time" } },
    mould: { sources: ["paid"], parties: { moulder: "by_deadline" } },
    ship: { sources: ["moulding"], parties: { courier: "by_deadline" } },
    deliver: {
      sources: ["shipped"],
      parties: { buyer: "any_time", courier: "by_deadline" },
    },
    release: { sources: ["shipped"], parties: { owner: "after_claim_window" } },
    refund: { sources: ["paid", "moulding", "shipped"], parties: { owner: "any_time" } },
    expire: {
      sources: ["placed", "paid", "moulding", "shipped"],
      parties: { buyer: "after_deadline", owner: "after_deadline" },
    },
    redirect: { sources: ["placed", "paid", "moulding"], parties: { buyer: "any_time" } },
  },
};
