"use strict";
// The pages work without this. It counts down, shows passwords, and asks anew for a page that was left.
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
