"use strict";
// The pages work without this, but for the captcha. It counts down, shows passwords, solves the captcha, and asks anew
// for a page that was left.
for (const button of document.querySelectorAll("[data-wait]")) {
  const label = button.textContent;
  const until = Date.now() + 1000 * Number(button.dataset.wait);
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.text.replace("{n}", left) : label;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}
for (const box of document.querySelectorAll(".secret")) {
  const input = box.querySelector("input");
  const peek = document.createElement("button");
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    peek.textContent = shown ? box.dataset.hide : box.dataset.show;
    peek.setAttribute("aria-pressed", String(shown));
  };
  peek.type = "button";
  peek.className = "peek";
  peek.setAttribute("aria-controls", input.id);
  peek.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  box.classList.add("peeks");
  input.after(peek);
  show(false);
}
// Browsers keep pages for the back button, though they may not be stored.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// ALTCHA's proof of work (version 2): the first counter whose derived key begins as the challenge says.
async function solve(challenge) {
  const { cost, keyLength, keyPrefix, nonce, salt } = challenge.parameters;
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const derive = async (counter) => {
    const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0]);
    new DataView(password.buffer).setUint32(password.length - 4, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    const derived = await crypto.subtle.deriveBits(how, key, 8 * keyLength);
    return Array.from(new Uint8Array(derived), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  let next = 0;
  let solution;
  // The browser derives keys on threads of its own, one for each that is asked for at once.
  const search = async () => {
    while (!solution) {
      const counter = next++;
      const derivedKey = await derive(counter);
      if (derivedKey.startsWith(keyPrefix)) solution = { counter, derivedKey };
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency || 2 }, search));
  return btoa(JSON.stringify({ challenge, solution }));
}
for (const form of document.querySelectorAll("[data-altcha]")) {
  const { captcha } = form.elements;
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    if (captcha.value) return;
    event.preventDefault();
    button.disabled = true;
    status.textContent = form.dataset.busy;
    try {
      captcha.value = await solve(JSON.parse(form.dataset.altcha));
    } catch {
      // A browser without Web Crypto, or a page that came over plain http.
      status.textContent = form.dataset.failed;
      return;
    }
    form.requestSubmit();
  });
  if ("auto" in form.dataset) form.requestSubmit();
}
