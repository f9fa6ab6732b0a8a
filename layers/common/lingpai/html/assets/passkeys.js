"use strict";
// Passkeys (WebAuthn level 3). A form with `data-passkey` asks the browser for one and sends its answer; the page works
// without this, by the other ways in.
{
  const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const withBytes = (credentials = []) => credentials.map((known) => ({ ...known, id: toBytes(known.id) }));
  const decode = (options) => ({
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: withBytes(options.allowCredentials),
    excludeCredentials: withBytes(options.excludeCredentials),
    user: options.user && { ...options.user, id: toBytes(options.user.id) },
  });
  const encode = ({ id, rawId, type, response }) => {
    const sent = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) sent[name] = toText(response[name]);
    }
    if (response.getTransports) sent.transports = response.getTransports();
    return JSON.stringify({ id, rawId: toText(rawId), type, response: sent });
  };
  // The request that waits, and until when its challenge is good.
  let waiting, goodUntil = 0;
  const ask = async (form, mediation) => {
    waiting?.abort();
    const { signal } = waiting = new AbortController();
    const reply = await fetch("/passkeys/options", { method: "POST", body: new URLSearchParams(new FormData(form)), signal });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    const publicKey = decode(await reply.json());
    goodUntil = Date.now() + 0.8 * publicKey.timeout;
    const call = publicKey.user ? "create" : "get";
    form.elements.answer.value = encode(await navigator.credentials[call]({ publicKey, signal, mediation }));
    form.submit();
  };
  // The browser suggests passkeys in the fields that say `webauthn`. That nobody chooses one is no error.
  const suggest = async (form) => {
    if (await PublicKeyCredential.isConditionalMediationAvailable?.()) ask(form, "conditional").catch(() => {});
  };
  const isOurs = ({ domain }) => location.hostname === domain || location.hostname.endsWith(`.${domain}`);
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential || !isOurs(form.dataset)) continue;
    const problem = form.querySelector("[role=alert]");
    const suggests = form.dataset.passkey === "suggest";
    form.hidden = false;
    for (const without of document.querySelectorAll("[data-without=passkey]")) without.hidden = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      problem.textContent = "";
      ask(form).catch((error) => {
        const { cancelled, known, failed } = form.dataset;
        problem.textContent = { NotAllowedError: cancelled, InvalidStateError: known }[error.name] ?? failed;
        if (suggests) suggest(form);
      });
    });
    if (!suggests) continue;
    // After a refusal nothing is suggested before somebody comes back to the field.
    if (!document.querySelector(".summary")) suggest(form);
    for (const input of document.querySelectorAll("[autocomplete~=webauthn]")) {
      input.addEventListener("focus", () => { if (Date.now() > goodUntil) suggest(form); });
    }
  }
}
