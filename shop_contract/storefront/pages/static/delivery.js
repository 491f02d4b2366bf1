// Sealing a delivery address so that only the shop can read it.
//
// The same envelope as shop_contract/delivery.py makes, and tests hold the two together:
//   01 | ephemeral P-256 public key, 65 bytes | AES-256-GCM ciphertext and tag
// Key: HKDF-SHA256 of the ECDH secret, salted with both public keys, used once (so the
// nonce is zeros). The text is padded to a multiple of 64 bytes: its length tells little.
// The context (shop and buyer) is authenticated: a copied envelope does not open.

import { concat, textOf, utf8 } from "./bytes.js";

const SEALED = 1;
const POINT_BYTES = 65;
const PAD_TO = 64;
const LABEL = utf8("chandlery delivery 1");
const CURVE = { name: "ECDH", namedCurve: "P-256" };
export const MAX_TEXT_BYTES = 382;

export async function seal(text, shopKey, context) {
  const data = utf8(text);
  if (data.length < 1 || data.length > MAX_TEXT_BYTES) {
    throw new Error(`an address has 1 to ${MAX_TEXT_BYTES} bytes`);
  }
  const padded = new Uint8Array(Math.ceil((2 + data.length) / PAD_TO) * PAD_TO);
  padded.set([data.length >> 8, data.length & 255]);
  padded.set(data, 2);
  const ephemeral = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  const raw = await crypto.subtle.exportKey("raw", ephemeral.publicKey);
  const point = new Uint8Array(raw);
  const key = await cipherKey(ephemeral.privateKey, shopKey, concat(point, shopKey));
  const ciphertext = await crypto.subtle.encrypt(gcm(context), key, padded);
  return concat(Uint8Array.of(SEALED), point, new Uint8Array(ciphertext));
}

// `shop` is what `openingKey` made of the shop's PEM file.
export async function unseal(envelope, shop, context) {
  if (envelope[0] !== SEALED || envelope.length <= 1 + POINT_BYTES) {
    throw new Error("this is no sealed address");
  }
  const point = envelope.slice(1, 1 + POINT_BYTES);
  const key = await cipherKey(shop.privateKey, point, concat(point, shop.publicBytes));
  let padded;
  try {
    const ciphertext = envelope.slice(1 + POINT_BYTES);
    padded = new Uint8Array(await crypto.subtle.decrypt(gcm(context), key, ciphertext));
  } catch {
    throw new Error("not sealed for this key, this shop and this buyer");
  }
  return textOf(padded.slice(2, 2 + padded[0] * 256 + padded[1]));
}

// A P-256 private key in PEM (PKCS 8), as `chandlery shop deploy` leaves it.
export async function openingKey(pem) {
  const body = pem.match(/-----BEGIN PRIVATE KEY-----([\s\S]+)-----END PRIVATE KEY-----/);
  if (!body) throw new Error("this is no private key in PEM");
  const der = Uint8Array.from(atob(body[1].replace(/\s/g, "")), (c) => c.charCodeAt(0));
  let privateKey;
  try {
    privateKey = await crypto.subtle.importKey("pkcs8", der, CURVE, true, ["deriveBits"]);
  } catch {
    throw new Error("this is no P-256 private key");
  }
  const { x, y } = await crypto.subtle.exportKey("jwk", privateKey);
  return { privateKey, publicBytes: concat(Uint8Array.of(4), base64Url(x), base64Url(y)) };
}

async function cipherKey(privateKey, point, salt) {
  const other = await crypto.subtle.importKey("raw", point, CURVE, false, []);
  const shared = { name: "ECDH", public: other };
  const secret = await crypto.subtle.deriveBits(shared, privateKey, 256);
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, [
    "deriveKey",
  ]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt, info: LABEL };
  const cipher = { name: "AES-GCM", length: 256 };
  return crypto.subtle.deriveKey(hkdf, material, cipher, false, ["encrypt", "decrypt"]);
}

const gcm = (context) => ({
  name: "AES-GCM",
  iv: new Uint8Array(12),
  additionalData: context,
});

function base64Url(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}
