"use strict";
// The console works without this. It shows questions as dialogs, which htmx asks for, and moves the focus to new rows.
const dialog = document.getElementById("dialog");
let opener = null;
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target === dialog) opener = event.detail.elt;
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === dialog) {
    dialog.showModal();
    (dialog.querySelector("[autofocus]") || dialog.querySelector("a[data-close]")).focus();
  }
});
// Anything but a page, such as a refusal or a lost line: the link is followed as without a script.
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.body.addEventListener(name, (event) => {
    const link = event.detail.elt;
    if (link.href) location.assign(link.href);
  });
}
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog.close();
  }
});
dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  if (opener) opener.focus();
});
let rows = null;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.detail.target.closest("tr.more");
  rows = row ? { body: row.parentElement, index: row.sectionRowIndex } : null;
});
document.body.addEventListener("htmx:afterSettle", () => {
  const next = rows && rows.body.rows[rows.index];
  const link = next && next.querySelector("a");
  if (link) link.focus();
  rows = null;
});
